"""The workers that are away: what is asked about them, and when one of them should be back."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from common.clock import Clock
from common.link import Hello
from gateway.causes import Causes
from gateway.death import Death


@dataclass(frozen=True, slots=True)
class _Absence:
    lost_at: float
    boots_s: float


class LostWorkers:
    """A worker takes as long to come back as it took to come."""

    def __init__(self, clock: Clock, causes: Causes) -> None:
        self._clock = clock
        self._causes = causes
        self._away: dict[str, _Absence] = {}

    def came(self, worker: Hello) -> None:
        self._away.pop(worker.name, None)

    def lost(self, worker: Hello, death: Death) -> None:
        if worker.booted_s is not None:
            self._away[worker.name] = _Absence(self._clock.now(), worker.booted_s)
        self._causes.ask(worker, death)

    def eta_s(self) -> int | None:
        """Seconds until the first of them should be back, at least 1; None if none is expected."""
        now = self._clock.now()
        left = [(absence.lost_at + absence.boots_s - now, absence) for absence in self._away.values()]
        # One that is overdue by as much again may never come.
        expected = [left_s for left_s, absence in left if left_s > -absence.boots_s]
        return max(1, ceil(min(expected))) if expected else None
