"""The sending half of a WebSocket connection, and where the connection is in its life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway.connection import Limits
from gateway.ws_inflow import Inflow


class Phase(Enum):
    """A connection only ever goes forward through these."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    # Nothing more is delivered; the handler says why and closes.
    REJECTED = "rejected"
    # Nothing more is delivered or sent; the peer has `Limits.close_s` to read what was sent.
    CLOSING = "closing"


class Sender:
    """What a handler holds as its `Connection`; the rest is for the receiving half.

    Texts are written past the library: it queues a close frame while it parses, and what a handler
    answers to the messages before has to come first.
    """

    def __init__(
        self, transport: asyncio.Transport, inflow: Inflow, library: ServerProtocol, limits: Limits
    ) -> None:
        self._transport = transport
        self._inflow = inflow
        self._library = library
        self._limits = limits
        self._closing_bytes = 0
        self._unanswered_pings = 0
        self._phase = Phase.HANDSHAKE
        self._writable = True
        # One timer is enough: the end of the handshake, then the next ping, then the end of the closing.
        self._timer = asyncio.get_running_loop().call_later(limits.handshake_s, transport.abort)

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def unanswered_pings(self) -> int:
        return self._unanswered_pings

    @property
    def writable(self) -> bool:
        return self._writable

    def send_text(self, message: bytes) -> None:
        if self._may_send() and not self._transport.is_closing():
            self._transport.write(Frame(Opcode.TEXT, message).serialize(mask=False))

    def close(self, code: int, reason: str = "") -> None:
        if not self._may_send():
            return
        if self._library.state is State.OPEN:
            self._library.send_close(code, reason)
        self._write_queued()
        self.finish()

    def abort(self) -> None:
        self.finish()
        self._transport.abort()

    def pause_reading(self) -> None:
        if self._may_send():
            self._inflow.pause()

    def resume_reading(self) -> None:
        self._inflow.resume()

    def open(self) -> None:
        self._phase = Phase.OPEN
        self._arm(self._limits.ping_interval_s, self._ping)

    def reject(self) -> None:
        self._phase = Phase.REJECTED

    def finish(self) -> None:
        """Nothing is sent from here on; the peer may read what was sent, for a while."""
        if self._phase is Phase.CLOSING:
            return
        self._phase = Phase.CLOSING
        self._arm(self._limits.close_s, self._transport.abort)
        # The peer's close frame has to be seen even if the handler had paused.
        self._inflow.resume()

    def heard(self) -> None:
        """Anything from the peer."""
        self._unanswered_pings = 0

    def received_while_closing(self, size: int) -> None:
        self._closing_bytes += size
        if self._closing_bytes > self._limits.closing_bytes:
            self._inflow.pause()

    def lost(self) -> None:
        self._timer.cancel()
        self._inflow.end()

    def set_writable(self, writable: bool) -> None:
        self._writable = writable

    def flush(self) -> None:
        """Write what the library has queued in answer to the peer."""
        self._write_queued()
        if self._phase is not Phase.CLOSING and self.buffered_bytes > self._limits.unread_bytes:
            self._transport.abort()

    def _may_send(self) -> bool:
        return self._phase in (Phase.OPEN, Phase.REJECTED)

    def _write_queued(self) -> None:
        for data in self._library.data_to_send():
            if not data:
                self._end_stream()
            # Behind our close frame there are no pongs any more, only the end of the stream.
            elif self._phase is not Phase.CLOSING and not self._transport.is_closing():
                self._transport.write(data)

    def _end_stream(self) -> None:
        try:
            self._transport.write_eof()
        except (OSError, RuntimeError):
            # The peer has reset the connection; asyncio raises the one, uvloop may raise the other.
            self._transport.abort()

    def _ping(self) -> None:
        # No pong is waited for: one that is late says nothing about the session. They are counted for
        # handlers: whoever has been silent for long and answers none of them may have lost its network.
        self._library.send_ping(b"")
        self._unanswered_pings += 1
        self.flush()
        self._arm(self._limits.ping_interval_s, self._ping)

    def _arm(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, callback)
