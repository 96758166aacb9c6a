"""`python -m bench pair`: what two instances hold together, and what is left when one of them is killed.

Both start at once. Then: one alone, with more streams each time until the goals are missed; the two joined,
with 1.9 and 2 times what one held; the two at half of that, one of them killed in the middle, its clients
resuming. What has come out is written after each of these, so that a visit cut short is not lost.
"""

from __future__ import annotations

import math
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
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
from bench.pair_record import LEAST_RATIO, PairResult
from bench.pair_site import Pair
from bench.report import make_header, show, write_json
from bench.speech import read_speech
from tests.support.nginx import NoNginx
from tests.support.processes import DidNotStart
from tests.support.redis_server import NoRedis

_RATIOS: Final = (LEAST_RATIO, 2.0)
# Of a run, besides its audio: client processes that start, last finals.
_AROUND_RUN_S: Final = 10.0


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 when a goal was missed or something could not be measured."""
    flags = parse_pair_flags(arguments)
    command = shlex.join(["python", "-m", "bench", "pair", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), "two instances")
    result = PairResult(setup_of(flags.live), flags.goals)
    trouble = ""
    try:
        for known in measure(flags, result):
            result = known
            if flags.live.output is not None:
                write_json(flags.live.output, header, result)
    except (LiveError, DidNotStart, NoNginx, NoRedis, AssertionError) as error:
        trouble = str(error)
    show(header, result, Console(width=None if sys.stdout.isatty() else LOG_WIDTH))
    if trouble or not result.is_good:
        sys.exit(trouble or 1)


def measure(flags: PairFlags, result: PairResult) -> Iterator[PairResult]:
    """What is known after each stage. Raises as `main` says."""
    end_at = time.monotonic() + flags.within_s
    loop = make_loop(read_speech(), flags.live.load.material)
    run_s = flags.live.load.ramp_s + flags.live.load.seconds + _AROUND_RUN_S

    def in_time(loads: Iterable[int], runs_after: int) -> Iterator[int]:
        """Those that leave time for themselves and so many runs after them."""
        return takewhile(lambda _: time.monotonic() + (1 + runs_after) * run_s < end_at, loads)

    with Pair(flags.plan) as pair:
        _say("both instances are ready")
        alone = replace(flags.live, servers=(pair.front_of_one,), metrics=pair.metrics_of_one())
        one = climb(in_time(flags.loads, runs_after=2), lambda load: _tried(flags, alone, load, loop))
        yield (result := msgspec.structs.replace(result, one=one))
        if not one:
            raise LiveError("both were ready too late for any run: raise --within")
        if not held(one):
            raise LiveError("one instance held none of the loads: begin with fewer streams")
        pair.join()
        _say("the instances know each other")
        pages = (*pair.metrics_of_one(), *pair.metrics_of_other())
        both = replace(flags.live, servers=(pair.front,), metrics=pages)
        loads = (math.ceil(ratio * held(one)) for ratio in _RATIOS)
        two = climb(in_time(loads, runs_after=1), lambda load: _tried(flags, both, load, loop))
        yield (result := msgspec.structs.replace(result, two=two))
        half = max(held(two), held(one)) // 2
        yield msgspec.structs.replace(result, killed=_killed(pair, both, half, loop))


def climb(loads: Iterable[int], attempt: Callable[[int], Trial]) -> tuple[Trial, ...]:
    """Upwards, until one is missed."""
    trials: list[Trial] = []
    for load in loads:
        trials.append(attempt(load))
        if trials[-1].missed:
            break
    return tuple(trials)


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
