"""Events on their way to one client: newer partials replace older ones, nothing else is ever dropped."""

from __future__ import annotations

from collections import deque
from typing import Final

from common.errors import SlowReader
from common.events import Event, Partial
from common.events import Final as FinalEvent

# A client that leaves this much unread, beside what the sockets hold, does not read at all.
MAX_EVENTS: Final = 256


class Outbox:
    def __init__(self) -> None:
        self._events: deque[Event] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def push(self, event: Event) -> None:
        """Raises `SlowReader` when full; the session cannot go on without its finals."""
        if isinstance(event, Partial | FinalEvent):
            self._drop_partial_of(event.segment)
        if len(self._events) >= MAX_EVENTS:
            raise SlowReader()
        self._events.append(event)

    def pop(self) -> Event:
        return self._events.popleft()

    def _drop_partial_of(self, segment: int) -> None:
        if self._events and isinstance(self._events[-1], Partial) and self._events[-1].segment == segment:
            self._events.pop()


class StallWatch:
    """How long has a client that owes us reading made no progress?"""

    def __init__(self) -> None:
        self._buffered = 0
        self._since: float | None = None

    def stalled_s(self, waiting: bool, buffered_bytes: int, now: float) -> float:
        """`waiting`: events cannot be sent. Progress is anything that left the send buffer."""
        progressed = buffered_bytes < self._buffered
        self._buffered = buffered_bytes
        if not waiting:
            self._since = None
        elif self._since is None or progressed:
            self._since = now
        return 0.0 if self._since is None else now - self._since
