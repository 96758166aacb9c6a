"""What the measurement of two instances hands out."""

from __future__ import annotations

from itertools import chain
from typing import Final

import msgspec

from bench.live_record import LiveResult, LiveRun
from bench.pair_verdict import LEAST_RATIO, PairRuns, PairVerdict, lost_by_kill, verdict_on
from bench.report import Cell, Table

_COLUMNS: Final = (
    "instances",
    "streams",
    "by worker",
    "STOP p95",
    "late %",
    "lost",
    "resumes",
    "resume p95",
    "unheard max",
    "verdict",
)


class PairResult(msgspec.Struct, frozen=True):
    verdict: PairVerdict
    runs: PairRuns

    def tables(self) -> tuple[Table, ...]:
        of = self.runs
        runs = [trial.run for trial in chain(of.one, of.two)] + ([of.killed] if of.killed else [])
        # The servers' own account, a page for each run, is for the file.
        shown = tuple(msgspec.structs.replace(run, series=()) for run in runs)
        return (*LiveResult(of.setup, shown).tables(), self._verdicts())

    def _verdicts(self) -> Table:
        runs = self.runs
        rows = [_row("1", trial.run, trial.missed or ("held",)) for trial in runs.one]
        rows += [_row("2", trial.run, trial.missed or ("held",)) for trial in runs.two]
        if runs.killed is not None:
            rows.append(_row("2, one killed", runs.killed, lost_by_kill(runs.killed) or ("nothing lost",)))
        return Table(self._title(), _COLUMNS, tuple(rows))

    def _title(self) -> str:
        verdict, goals = self.verdict, self.runs.goals
        return (
            f"one holds {verdict.one_holds}, misses {_known(verdict.one_misses)}; "
            f"two hold {verdict.two_hold}, miss {_known(verdict.two_miss)}: "
            f"{_times(verdict.to_missed)} what one misses (goal {LEAST_RATIO}), "
            f"{_times(verdict.to_held)} what it holds; "
            f"STOP p95 at most {goals.stop_p95_ms} ms, {goals.late_percent:g} % late; "
            f"{'not good: ' + ', '.join(verdict.against) if verdict.against else 'good'}"
        )


def result_of(runs: PairRuns) -> PairResult:
    return PairResult(verdict_on(runs), runs)


def _known(streams: int | None) -> str:
    return "none tried" if streams is None else str(streams)


def _times(ratio: float | None) -> str:
    return "– times" if ratio is None else f"{ratio:.3f} times"


def _row(instances: str, run: LiveRun, verdict: tuple[str, ...]) -> tuple[Cell, ...]:
    return (
        instances,
        run.streams,
        " + ".join(map(str, run.workers.values())),
        run.after_stop.p95,
        100 * run.late_share,
        run.lost,
        run.resumed.count,
        run.resumed.p95,
        run.unheard.max,
        ", ".join(verdict),
    )
