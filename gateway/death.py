"""How a worker ended: known some time after its link has broken, or never."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Cause(Enum):
    """`OUTSIDE`: somebody killed or stopped it. `ITSELF`: it crashed, hung, or left without being asked to.
    `UNKNOWN`: nobody could tell, so far."""

    OUTSIDE = "outside"
    ITSELF = "itself"
    UNKNOWN = "unknown"


class Death:
    """Of one worker, shared by all who lost it. `cause` is None until something is known; `fault` names that
    of a card which may have ended others, too."""

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.fault = ""
        self._waiting: list[Callable[[], None]] = []

    def when_known(self, tell: Callable[[], None]) -> None:
        """`tell` is called when something is known; if that was `UNKNOWN`, again when more is. It may not
        raise. Only while nothing is known."""
        self._waiting.append(tell)

    def known(self, cause: Cause, fault: str = "") -> None:
        """The first word counts; `UNKNOWN` is none."""
        if self.cause is cause or self.cause not in {None, Cause.UNKNOWN}:
            return
        self.cause, self.fault = cause, fault
        waiting = self._waiting
        if cause is not Cause.UNKNOWN:
            self._waiting = []
        for tell in waiting:
            tell()
