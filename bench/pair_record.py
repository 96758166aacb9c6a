"""What the measurement of two instances hands out."""

from __future__ import annotations

from itertools import chain
from typing import Final

import msgspec

from bench.goals import Goals, Trial, held
from bench.live_record import LiveResult, LiveRun, Setup
from bench.report import Cell, Table

LEAST_RATIO: Final = 1.9
# More than the borders of sentences take of speech, far less than a word that was lost and its neighbours.
MOST_UNHEARD_MS: Final = 1_000
_COLUMNS: Final = (
    "instances",
    "streams",
    "STOP p95",
    "late %",
    "lost",
    "resumes",
    "resume p95",
    "unheard max",
    "verdict",
)


class PairResult(msgspec.Struct, frozen=True):
    """As far as it has come. `killed`: one of the two was killed in its middle."""

    setup: Setup
    goals: Goals
    one: tuple[Trial, ...] = ()
    two: tuple[Trial, ...] = ()
    killed: LiveRun | None = None

    @property
    def ratio(self) -> float | None:
        """What two hold to what one holds; None without both."""
        one, two = held(self.one), held(self.two)
        return two / one if one and two else None

    @property
    def is_good(self) -> bool:
        """One instance came to its limit, two held enough, and the loss of one of them lost nothing."""
        limit_seen = bool(self.one) and bool(self.one[-1].missed)
        return limit_seen and (self.ratio or 0) >= LEAST_RATIO and not self.lost_by_kill()

    def lost_by_kill(self) -> tuple[str, ...]:
        """What the clients of the run with the kill miss; empty: nothing."""
        run = self.killed
        if run is None:
            return ("not run",)
        counted = ("lost", "silent", "changed", "skipped", "repeated")
        found = [f"{number} {figure}" for figure in counted if (number := getattr(run, figure))]
        if not run.resumed.count:
            found.append("nobody had to resume")
        if (run.unheard.max or 0) > MOST_UNHEARD_MS:
            found.append(f"{run.unheard.max} ms unheard")
        return tuple(found)

    def tables(self) -> tuple[Table, ...]:
        runs = [trial.run for trial in chain(self.one, self.two)] + ([self.killed] if self.killed else [])
        # The servers' own account, a page for each run, is for the file.
        shown = tuple(msgspec.structs.replace(run, series=()) for run in runs)
        return (*LiveResult(self.setup, shown).tables(), self._verdicts())

    def _verdicts(self) -> Table:
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f} times"
        title = (
            f"one instance holds {held(self.one)}, two hold {held(self.two)}: {ratio} (goal {LEAST_RATIO}); "
            f"STOP p95 at most {self.goals.stop_p95_ms} ms, {self.goals.late_percent:g} % late"
        )
        rows = [_row("1", trial.run, trial.missed) for trial in self.one]
        rows += [_row("2", trial.run, trial.missed) for trial in self.two]
        if self.killed is not None:
            rows.append(_row("2, one killed", self.killed, self.lost_by_kill()))
        return Table(title, _COLUMNS, tuple(rows))


def _row(instances: str, run: LiveRun, missed: tuple[str, ...]) -> tuple[Cell, ...]:
    return (
        instances,
        run.streams,
        run.after_stop.p95,
        100 * run.late_share,
        run.lost,
        run.resumed.count,
        run.resumed.p95,
        run.unheard.max,
        ", ".join(missed) or "held",
    )
