"""Events on their way to one client: newer partials replace older ones, nothing else is ever dropped."""

from __future__ import annotations

import sys
from collections import deque
from typing import Final

from common.errors import SlowReader
from common.events import Acked, Configured, Event, Partial
from common.events import Final as FinalEvent

# A client that leaves this much unread, beside what the sockets hold, does not read at all.
MAX_EVENTS: Final = 256
# The same in memory: hotwords are answered with all of them, and that may be 80 KiB each time.
MAX_BYTES: Final = 256 << 10


class Outbox:
    def __init__(self) -> None:
        # With what each took when it came: a text is larger once it has been sent to somebody.
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def push(self, event: Event) -> None:
        """Raises `SlowReader` when full; the session cannot go on without its finals."""
        if isinstance(event, Partial | FinalEvent):
            self._drop_partial_of(event.segment)
        elif isinstance(event, Acked):
            self._drop_ack()
        size = _size(event)
        # One event may be of any size: there is no client that could have read a part of it.
        if len(self._events) >= MAX_EVENTS or (self._events and self._bytes + size > MAX_BYTES):
            raise SlowReader()
        self._append(event, size)

    def push_last(self, event: Event) -> None:
        """Why nothing follows: there is always room for that."""
        self._append(event, _size(event))

    def pop(self) -> Event:
        event, size = self._events.popleft()
        self._bytes -= size
        return event

    def leave_last(self) -> None:
        """Forget all events but the last."""
        while len(self._events) > 1:
            self.pop()

    def _append(self, event: Event, size: int) -> None:
        self._events.append((event, size))
        self._bytes += size

    def _drop_partial_of(self, segment: int) -> None:
        last = self._events[-1][0] if self._events else None
        if isinstance(last, Partial) and last.segment == segment:
            self._bytes -= self._events.pop()[1]

    def _drop_ack(self) -> None:
        if self._events and isinstance(self._events[-1][0], Acked):
            self._events.pop()


def _size(event: Event) -> int:
    """Bytes of the texts in it; the number of events bounds the rest."""
    match event:
        case Partial():
            return sys.getsizeof(event.text)
        case FinalEvent():
            return sys.getsizeof(event.text) + sum(sys.getsizeof(word.text) for word in event.words)
        case Configured(options, "hotwords_set"):
            return sum(map(sys.getsizeof, options.hotwords))
        case Configured(options, "postprocess_hotwords_set"):
            return sum(sys.getsizeof(text) for pair in options.replacements for text in pair)
        case _:
            return 0


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
