"""Records as tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.mps.checks import Check
from bench.mps.record import Fault, Round, Start
from bench.report import Cell, Table


def tables_of(
    rounds: Sequence[Round], starts: Sequence[Start], fault: Fault | None, checks: Sequence[Check]
) -> tuple[Table, ...]:
    """Of what was measured; last of all what has to hold."""
    return (
        *([_rounds_table(rounds)] if rounds else []),
        *([_starts_table(starts)] if starts else []),
        *(_fault_tables(fault) if fault is not None else []),
        _checks_table(checks),
    )


def _checks_table(checks: Sequence[Check]) -> Table:
    rows = tuple((check.name, check.wanted, check.found, check.holds) for check in checks)
    return Table("what has to hold", ("what", "wanted", "found", "holds"), rows)


def _rounds_table(rounds: Sequence[Round]) -> Table:
    columns = ("kind", "start s", "canary s", "stop s", "attached", "SMs", "refused", "left", "failure")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            *(each.kind, each.start_s, each.canary_s, each.stop_s, each.attached, each.multiprocessors),
            *(each.refused, len(each.left), each.failure),
        )
        for each in rounds
    )
    return Table("start and end of the MPS daemon, a canary in between", columns, rows)


def _starts_table(starts: Sequence[Start]) -> Table:
    columns = (
        "workers",
        "ready s",
        "all s",
        "attached",
        "clients",
        "of workers",
        "server",
        "MiB",
        "stop s",
        "failure",
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            *(each.workers, " ".join(f"{ready:.1f}" for ready in each.ready_s), each.all_s, each.attached),
            *(each.clients, each.of_workers, each.server, each.memory_mib, each.stop_s, each.failure),
        )
        for each in starts
    )
    return Table("workers on one card, seconds from the start of `voxshard serve`", columns, rows)


def _fault_tables(fault: Fault) -> list[Table]:
    title = f"device-side assert in {fault.injected_into} of {fault.workers}, seconds after it"
    ends: tuple[tuple[Cell, ...], ...] = tuple(
        (end.name, end.ended_s, end.how, end.ready_s) for end in fault.ends
    )
    tables = [
        Table(title, ("worker", "ended", "how", "ready again"), ends),
        Table("what the supervisor did", ("at s", "event"), fault.events),
        Table("what the MPS servers said", ("at s", "state"), fault.states),
    ]
    if fault.sessions is not None:
        figures = msgspec.to_builtins(fault.sessions)
        tables.append(
            Table("sessions over it", ("figure", "value"), tuple((k, str(v)) for k, v in figures.items()))
        )
    return tables
