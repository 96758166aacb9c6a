"""The stages in their order, each only while there is time for it; the record is written after each."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.live_setup import model_versions
from bench.mps.flags import MpsFlags, parse_mps_flags
from bench.mps.host import card_facts, mark
from bench.mps.record import Fault, Round, Start
from bench.mps.result import MpsResult
from bench.mps.rounds import measure_rounds
from bench.mps.starts import Instance, measure_start
from bench.report import make_header, show, write_json

_LOG_WIDTH: Final = 150
# What is assumed of a worker's start as long as none was measured, and of what comes on top of all of them.
_FIRST_S: Final = 60.0
_BESIDE_S: Final = 30.0
_FAILED: Final = 1


class Measurement:
    def __init__(
        self, flags: MpsFlags, save: Callable[[MpsResult], None], clock: Callable[[], float]
    ) -> None:
        self._flags = flags
        self._save = save
        self._clock = clock
        self._deadline = clock() + flags.budget_s
        self._rounds: list[Round] = []
        self._starts: list[Start] = []
        self._fault: Fault | None = None
        self._left_out: list[str] = []

    def run(self) -> MpsResult:
        flags = self._flags
        if flags.rounds:
            self._stage(f"{flags.rounds} rounds", 0.0, self._measure_rounds)
        for workers in flags.starts:
            self._stage(
                f"{workers} workers", self._expected_s(workers), partial(self._measure_start, workers)
            )
        if flags.fault:
            expected_s = self._expected_s(flags.fault) + flags.blow.seconds
            self._stage(f"fault of {flags.fault} workers", expected_s, self._measure_fault)
        return self.result

    @property
    def result(self) -> MpsResult:
        flags = self._flags
        return MpsResult(
            commit=flags.commit,
            note=flags.note,
            engine=flags.engine,
            card=card_facts(),
            versions=model_versions(),
            rounds=tuple(self._rounds),
            starts=tuple(self._starts),
            fault=self._fault,
            left_out=tuple(self._left_out),
        )

    def _stage(self, name: str, expected_s: float, measure: Callable[[], None]) -> None:
        left_s = self._deadline - self._clock()
        if expected_s > left_s:
            self._left_out.append(name)
        else:
            print(f"{name} ({left_s:.0f} s left)", file=sys.stderr, flush=True)
            measure()
        self._save(self.result)

    def _expected_s(self, workers: int) -> float:
        return expected_start_s(self._starts, workers) + _BESIDE_S

    def _measure_rounds(self) -> None:
        with tempfile.TemporaryDirectory(prefix="mps-") as folder:
            measure_rounds(Path(folder), self._flags.canary, self._flags.rounds, self._rounds.append)

    def _measure_start(self, workers: int) -> None:
        instance = Instance(self._flags.engine, self._flags.serve, self._flags.logs)
        self._starts.append(measure_start(instance, workers))

    def _measure_fault(self) -> None:
        # Only now: the other stages run where there is nothing to read the streams' speech with.
        from bench.mps.fault import measure_fault  # noqa: PLC0415

        flags = self._flags
        instance = Instance(flags.fault_engine, flags.serve, flags.logs)
        start, self._fault = measure_fault(instance, flags.fault, flags.blow, flags.canary)
        self._starts.append(start)


def expected_start_s(starts: Sequence[Start], workers: int) -> float:
    """Seconds until so many are ready, by the last start of the most workers.

    They load their models one after the other, but import at the same time: the first one takes longer than
    each that follows.
    """
    known = max((start for start in reversed(starts) if start.ready_s), key=lambda s: s.workers, default=None)
    if known is None:
        return workers * _FIRST_S
    first_s, behind = known.ready_s[0], len(known.ready_s) - 1
    next_s = (known.ready_s[-1] - first_s) / behind if behind else first_s
    return first_s + (workers - 1) * next_s


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 if something of what was measured does not hold."""
    flags = parse_mps_flags(arguments)
    mark()
    command = shlex.join(["python", "-m", "bench", "mps", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), "voxshard serve, MPS")

    def save(result: MpsResult) -> None:
        if flags.output is not None:
            write_json(flags.output, header, result)

    result = Measurement(flags, save, time.monotonic).run()
    show(header, result, Console(width=None if sys.stdout.isatty() else _LOG_WIDTH))
    if not all(check.holds for check in result.checks):
        raise SystemExit(_FAILED)
