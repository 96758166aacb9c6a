"""What the measurement hands out."""

from __future__ import annotations

import msgspec

from bench.mps.checks import Check, checks_of
from bench.mps.record import Fault, Round, Start
from bench.mps.tables import tables_of
from bench.report import Table


class MpsResult(msgspec.Struct, frozen=True):
    """`card`: what nvidia-smi says of it. `left_out`: stages for which no time was left."""

    commit: str
    note: str
    engine: str
    card: dict[str, str]
    versions: dict[str, str]
    rounds: tuple[Round, ...] = ()
    starts: tuple[Start, ...] = ()
    fault: Fault | None = None
    left_out: tuple[str, ...] = ()

    @property
    def checks(self) -> list[Check]:
        return checks_of(self.rounds, self.starts, self.fault, self.left_out)

    def tables(self) -> tuple[Table, ...]:
        return tables_of(self.rounds, self.starts, self.fault, self.checks)
