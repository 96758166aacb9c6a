"""COMMIT and STOP, each in its place behind the audio that it holds for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from common.events import EndpointReason
from worker.pipeline.hop import HOP_SAMPLES


class Mark(Enum):
    """Orders that hold for the audio sent before them."""

    COMMIT = "commit"
    STOP = "stop"

    @property
    def reason(self) -> EndpointReason:
        return _REASONS[self]


_REASONS: Final = {Mark.COMMIT: EndpointReason.COMMIT, Mark.STOP: EndpointReason.STOP}


@dataclass(frozen=True, slots=True)
class Order:
    """A mark and the sample behind the audio that it holds for."""

    mark: Mark
    position: int


@dataclass(slots=True)
class Orders:
    """One order at a time: it is reached, and once it is answered the next one may be."""

    _waiting: deque[Order] = field(default_factory=deque)
    _reached: Order | None = None

    @property
    def reached(self) -> Order | None:
        """The order that is being carried out; nothing behind it is heard until it is answered."""
        return self._reached

    def add(self, mark: Mark, position: int) -> None:
        self._waiting.append(Order(mark, position))

    def limit(self, end: int) -> int:
        """Up to which sample hops may be taken, of audio that goes to `end`."""
        return self._waiting[0].position if self._waiting else end

    def reach(self, cursor: int) -> Order | None:
        """The next order, if no whole hop is left before it; it is then `reached`."""
        if self._reached is None and self._waiting and cursor + HOP_SAMPLES > self._waiting[0].position:
            self._reached = self._waiting.popleft()
            return self._reached
        return None

    def answered(self) -> None:
        self._reached = None
