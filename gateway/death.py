"""How a worker ended: known some time after its link has broken, or never."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Cause(Enum):
    """`OUTSIDE`: somebody killed or stopped it. `ITSELF`: it crashed, or left without being asked to.
    `UNKNOWN`, and for good: nobody could tell."""

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
        """`tell` is called once, and may not raise. Only while nothing is known."""
        self._waiting.append(tell)

    def known(self, cause: Cause, fault: str = "") -> None:
        """The first word counts."""
        if self.cause is None:
            self.cause, self.fault = cause, fault
            waiting, self._waiting = self._waiting, []
            for tell in waiting:
                tell()
