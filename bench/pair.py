"""`python -m bench pair`: what two instances hold together, and what is left when one of them is killed.

Both start at once. Then: one alone, until what it holds and what it misses are close together; the two
joined, from 1.9 times what one missed on; the two at half of what they hold, one of them killed amid the run,
its clients resuming. What has come out is written after each run, so that a visit cut short is not lost.
"""

from __future__ import annotations

import math
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Console

from bench.goals import Trial, held, tried
from bench.live import LOG_WIDTH, run_once, setup_of
from bench.live_flags import LiveFlags
from bench.live_material import Loop, make_loop
from bench.live_processes import LiveError
from bench.live_record import LiveRun
from bench.pair_flags import PairFlags, parse_pair_flags
from bench.pair_record import result_of
from bench.pair_site import Pair
from bench.pair_verdict import PairRuns, search_for_two
from bench.report import make_header, show, write_json
from bench.search import Search
from bench.speech import read_speech
from bench.trials import REST_S, trials
from tests.support.nginx import NoNginx
from tests.support.processes import DidNotStart
from tests.support.redis_server import NoRedis

# Of a run, besides its audio: client processes that start, last finals, the rest of those who missed.
_AROUND_RUN_S: Final = 10.0 + REST_S
_KILL_RUNS: Final = 1
# One that holds 1.9 times as much is enough; two, if it does not, say where both stand instead.
_RUNS_OF_TWO: Final = 2


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 when the verdict is not good or something could not be measured."""
    flags = parse_pair_flags(arguments)
    command = shlex.join(["python", "-m", "bench", "pair", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), "two instances")
    result = result_of(PairRuns(setup_of(flags.live), flags.goals, flags.search.within))
    trouble = ""
    try:
        for known in measure(flags, result.runs):
            result = result_of(known)
            if flags.live.output is not None:
                write_json(flags.live.output, header, result)
    except (LiveError, DidNotStart, NoNginx, NoRedis, AssertionError) as error:
        trouble = str(error)
    show(header, result, Console(width=None if sys.stdout.isatty() else LOG_WIDTH))
    if trouble or result.verdict.against:
        sys.exit(trouble or 1)


def measure(flags: PairFlags, runs: PairRuns) -> Iterator[PairRuns]:
    """What is known after each run. Raises as `main` says."""
    end_at = time.monotonic() + flags.budget_s
    loop = make_loop(read_speech(), flags.live.load.material)
    run_s = flags.live.load.ramp_s + flags.live.load.seconds + _AROUND_RUN_S

    def tried_in_time(search: Search, live: LiveFlags, runs_after: int) -> Iterator[Trial]:
        """While there is time for one more and so many after it."""
        return trials(
            search,
            lambda streams: _tried(flags, live, streams, loop),
            in_time=lambda: time.monotonic() + (1 + runs_after) * run_s < end_at,
        )

    with Pair(flags.plan) as pair:
        _say("both instances are ready")
        alone = replace(flags.live, servers=(pair.front_of_one,), metrics=pair.metrics_of_one())
        for trial in tried_in_time(flags.search, alone, _RUNS_OF_TWO + _KILL_RUNS):
            yield (runs := msgspec.structs.replace(runs, one=(*runs.one, trial)))
        if not runs.one:
            raise LiveError("both were ready too late for any run: raise --budget")
        pair.join()
        _say("the instances know each other")
        pages = (*pair.metrics_of_one(), *pair.metrics_of_other())
        both = replace(flags.live, servers=(pair.front,), metrics=pages)
        for trial in tried_in_time(search_for_two(runs.one, runs.within), both, _KILL_RUNS):
            yield (runs := msgspec.structs.replace(runs, two=(*runs.two, trial)))
        most = max(held(runs.two), held(runs.one))
        if not most:
            raise LiveError("neither one nor both held any load: begin with fewer streams")
        yield msgspec.structs.replace(runs, killed=_killed(pair, both, math.ceil(most / 2), loop))


def _tried(flags: PairFlags, live: LiveFlags, load: int, loop: Loop) -> Trial:
    trial = tried(run_once(live, live.servers, load, loop), flags.goals)
    _say(f"{load} streams: {', '.join(trial.missed) or 'held'}")
    return trial


def _killed(pair: Pair, live: LiveFlags, streams: int, loop: Loop) -> LiveRun:
    """The kill comes in the middle of what all streams say at once."""
    load = live.load
    blow = threading.Timer((load.ramp_s + load.seconds) / 2, pair.one.kill_all)
    survivor = replace(live, load=replace(load, resume=True), metrics=pair.metrics_of_other())
    try:
        return run_once(survivor, survivor.servers, streams, loop, blow.start)
    finally:
        blow.cancel()


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)
