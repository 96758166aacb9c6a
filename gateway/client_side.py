"""The client's end of a live connection: events become messages in its dialect, as fast as it reads them."""

from __future__ import annotations

from typing import Final

from common.errors import SlowReader
from common.events import Event, failure
from gateway.dialects.base import Dialect
from gateway.metrics import GatewayMetrics
from gateway.outbox import Outbox, StallWatch
from gateway.websocket import Connection

# Every result repeats all sentences: what waits may be far more as messages than it is as events.
MAX_CLOSING_BYTES: Final = 1 << 20
# One may be on its way.
_GONE_FROM_PINGS: Final = 2


class ClientSide:
    """Does nothing before `connected` and after `close`."""

    def __init__(self, dialect: Dialect, metrics: GatewayMetrics) -> None:
        self.dialect = dialect
        self._metrics = metrics
        self._outbox = Outbox()
        self._stall = StallWatch()
        self._connection: Connection | None = None

    def connected(self, connection: Connection) -> None:
        self._connection = connection

    def say(self, event: Event) -> None:
        """Raises `SlowReader` when too much is unread; `close` will say so."""
        if self._connection is not None:
            try:
                self._outbox.push(event)
            except SlowReader as error:
                self._outbox.push_last(failure(error))
                raise
            self.flush()

    def flush(self) -> None:
        """Send what the client has room for."""
        while self._connection is not None and self._outbox and self._connection.writable:
            self._send_next(self._connection)

    def close(self, code: int, reason: str) -> None:
        """Send what is left, whether or not it is being read, and close behind it.

        A client with more than `MAX_CLOSING_BYTES` unread gets of the rest only the last event: it says why.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            while self._outbox:
                if connection.buffered_bytes > MAX_CLOSING_BYTES:
                    self._outbox.leave_last()
                self._send_next(connection)
            connection.close(code, reason)

    def set_reading(self, wanted: bool) -> None:
        """Read from the client, or leave what it sends in its socket."""
        if self._connection is None:
            return
        if wanted:
            self._connection.resume_reading()
        else:
            self._connection.pause_reading()

    @property
    def answers(self) -> bool:
        """Not if its network may be gone without a word."""
        return self._connection is None or self._connection.unanswered_pings < _GONE_FROM_PINGS

    def stalled_s(self, now: float) -> float:
        """How long the client has read nothing although something waits for it."""
        if self._connection is None:
            return 0.0
        return self._stall.stalled_s(bool(self._outbox), self._connection.buffered_bytes, now)

    def _send_next(self, connection: Connection) -> None:
        for message in self.dialect.render(self._outbox.pop()):
            self._metrics.message_out(len(message))
            connection.send_text(message)
