"""`python -m bench capacity`: how many live streams a running deployment holds.

Runs as `python -m bench live` makes them, with more streams each time until the goals are missed, or fewer
until they are kept, then between the last two, until the answer is close enough.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Console

from bench.goals import Goals, Trial, add_goal_flags, goals_of, held, tried
from bench.live import LOG_WIDTH, run_once, setup_of
from bench.live_flags import LiveFlags, add_live_flags, live_flags_of
from bench.live_material import make_loop
from bench.live_processes import LiveError
from bench.live_record import LiveResult, Setup
from bench.report import Cell, Table, make_header, show, write_json
from bench.search import Search, add_search_flags, search_of
from bench.speech import read_speech
from bench.trials import trials

_COLUMNS: Final = ("streams", "STOP p95", "late %", "lost", "open p95", "held")


class CapacityResult(msgspec.Struct, frozen=True):
    """held: the most streams that kept to the goals; 0 if not even the fewest tried did."""

    setup: Setup
    goals: Goals
    held: int
    trials: tuple[Trial, ...]

    def tables(self) -> tuple[Table, ...]:
        goals = self.goals
        title = (
            f"{self.held} streams held · STOP p95 at most {goals.stop_p95_ms} ms, "
            f"at most {goals.late_percent:g} % of the partials late"
        )
        runs = LiveResult(self.setup, tuple(trial.run for trial in self.trials))
        return (*runs.tables(), Table(title, _COLUMNS, tuple(map(trial_row, self.trials))))


def trial_row(trial: Trial) -> tuple[Cell, ...]:
    run = trial.run
    verdict = ", ".join(trial.missed) or "yes"
    return run.streams, run.after_stop.p95, 100 * run.late_share, run.lost, run.opened.p95, verdict


@dataclass(frozen=True, slots=True)
class CapacityFlags:
    live: LiveFlags
    search: Search
    goals: Goals


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 when nothing could be measured, or nothing was held."""
    flags = parse_flags(arguments)
    command = shlex.join(["python", "-m", "bench", "capacity", *arguments])
    header = make_header(
        command, datetime.now(UTC).isoformat(timespec="seconds"), ", ".join(flags.live.servers)
    )
    try:
        result = measure(flags)
    except LiveError as error:
        sys.exit(str(error))
    show(header, result, Console(width=None if sys.stdout.isatty() else LOG_WIDTH))
    if flags.live.output is not None:
        write_json(flags.live.output, header, result)
    if not result.held:
        sys.exit(1)


def measure(flags: CapacityFlags) -> CapacityResult:
    """Raises `LiveError`."""
    live, goals = flags.live, flags.goals
    loop = make_loop(read_speech(), live.load.material)
    all_trials = tuple(
        trials(flags.search, lambda streams: tried(run_once(live, live.servers, streams, loop), goals))
    )
    return CapacityResult(setup_of(live), goals, held(all_trials), all_trials)


def parse_flags(arguments: Sequence[str]) -> CapacityFlags:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m bench capacity", description="How many live streams a running deployment holds."
    )
    add_search_flags(parser, step=0.5)
    add_live_flags(parser)
    add_goal_flags(parser)
    flags = parser.parse_args(arguments)
    return CapacityFlags(live_flags_of(flags), search_of(flags), goals_of(flags))
