"""What of a measurement has to hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.mps.canary import MOST_WRONG
from bench.mps.record import Fault, Round, Start

# Of the sum of as many single warm starts; and seconds from a fault to the first worker that is ready again.
MOST_OF_SINGLES: Final = 1.5
MOST_TO_FIRST_S: Final = 90.0
STARTED_TOGETHER: Final = 4


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    wanted: str
    found: str
    holds: bool


def checks_of(
    rounds: Sequence[Round], starts: Sequence[Start], fault: Fault | None, left_out: Sequence[str]
) -> list[Check]:
    """Of what was measured; `left_out`: stages that were not."""
    return [
        *_round_checks(rounds),
        *_start_checks(starts),
        *(_fault_checks(fault) if fault is not None else []),
        *(Check(stage, "measured", "no time left", holds=False) for stage in left_out),
    ]


def _round_checks(rounds: Sequence[Round]) -> list[Check]:
    return [
        Check(f"rounds: {kind}", "all without a failure", f"{good} of {count}", good == count)
        for kind in dict.fromkeys(each.kind for each in rounds)
        for count in [sum(each.kind == kind for each in rounds)]
        for good in [sum(each.kind == kind and each.is_good for each in rounds)]
    ]


def _start_checks(starts: Sequence[Start]) -> list[Check]:
    checks = [
        Check(
            f"{start.workers} workers attached",
            f"{start.workers}, nothing left behind",
            start.failure or f"{start.attached} by {start.clients} clients",
            start.is_good,
        )
        for start in starts
    ]
    single_s = warm_single_s(starts)
    together = [start for start in starts if start.workers == STARTED_TOGETHER and start.ready_s]
    if single_s is not None and together:
        most_s = MOST_OF_SINGLES * STARTED_TOGETHER * single_s
        took_s = together[-1].ready_s[-1]
        checks.append(Check("start of 4 workers", f"<= {most_s:.1f} s", f"{took_s:.1f} s", took_s <= most_s))
    return checks


def warm_single_s(starts: Sequence[Start]) -> float | None:
    """The last start of one worker alone; the first one may have had to compile."""
    singles = [start.ready_s[0] for start in starts if start.workers == 1 and start.ready_s]
    return singles[-1] if len(singles) > 1 else None


def _fault_checks(fault: Fault) -> list[Check]:
    first_s, sessions = fault.first_ready_s, fault.sessions
    in_time = first_s is not None and first_s <= MOST_TO_FIRST_S
    right = fault.canary_error is not None and fault.canary_error <= MOST_WRONG
    lost = "no streams" if sessions is None else f"{sessions.lost} of {sessions.streams}"
    return [
        Check("fault: measured", "to its end", fault.failure or "yes", fault.failure is None),
        Check("fault: a worker serves again", f"<= {MOST_TO_FIRST_S:g} s", _seconds(first_s), in_time),
        Check("fault: streams lost", "none", lost, sessions is not None and sessions.is_good),
        Check("fault: nvidia-smi answers", "yes", fault.healthy.get("name", "no"), bool(fault.healthy)),
        Check("fault: a canary afterwards", "right", _figure(fault.canary_error), right),
        Check("fault: processes left", "none", ", ".join(fault.left) or "none", not fault.left),
    ]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.1e} off"
