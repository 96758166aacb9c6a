"""What stands between a live connection and the session on it, whichever WebSocket server is below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from common.errors import VoxshardError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection."""

    message_bytes: int = 65_536
    handshake_s: float = 5.0
    # Long enough for a client that had stopped reading to come back and find out why it was closed.
    close_s: float = 20.0
    ping_interval_s: float = 20.0
    # Both small: what a client does not read has to show here, not to vanish in the kernel.
    high_water_bytes: int = 65_536
    kernel_buffer_bytes: int = 65_536
    # A client that sends while it leaves this much unread is cut. Handlers stop far below; pongs do not.
    unread_bytes: int = 4 << 20
    # What is read of a client behind our close frame, in search of its own; a flood is left to its socket.
    closing_bytes: int = 16 << 20
    # What a connection may take of the loop in the long run, and at once. A live stream takes 0.03 %; with
    # frames of 100 ms this is some 70 times real time.
    loop_share: float = 0.02
    loop_burst_s: float = 0.04


DEFAULT_LIMITS: Final = Limits()
# Of the silence that a client is allowed: two pings at least have to be there to be answered.
_PINGS_IN_SILENCE: Final = 3


def live_limits(idle_s: float) -> Limits:
    """Of live connections whose clients may be silent for so long."""
    return Limits(ping_interval_s=min(DEFAULT_LIMITS.ping_interval_s, idle_s / _PINGS_IN_SILENCE))


@dataclass(frozen=True, slots=True)
class Request:
    """How a client asked for its connection: of repeated query fields and headers the first.

    Keys are among them, so that what is printed of a request leaves both out.
    """

    path: str
    query: Mapping[str, str] = field(repr=False)
    # Names in lower case.
    headers: Mapping[str, str] = field(repr=False)
    # Address of the client, also behind proxies that are trusted; for logs.
    peer: str

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


class Connection(Protocol):
    """What a handler may do. Once the connection is closing, from either side, all of it does nothing."""

    @property
    def buffered_bytes(self) -> int:
        """Sent, but not yet taken by the kernel."""
        ...

    @property
    def unanswered_pings(self) -> int:
        """Sent since anything has come from the peer, its pongs included."""
        ...

    @property
    def writable(self) -> bool:
        """False from above the high water mark until below the low one; a hint, sending still works."""
        ...

    def send_text(self, message: bytes) -> None:
        """A text in UTF-8."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame behind all that was sent; after `Limits.close_s` the transport is aborted."""
        ...

    def abort(self) -> None:
        """Drop the connection and what was not yet sent."""
        ...

    def pause_reading(self) -> None:
        """Receive nothing more; messages received already are still delivered. `close` reads on."""
        ...

    def resume_reading(self) -> None: ...


class Handler(Protocol):
    """One for each accepted connection. What it raises is logged and closes the connection 1011."""

    def connected(self, connection: Connection, request: Request) -> None: ...

    def text(self, message: str) -> None: ...

    def binary(self, message: bytes) -> None: ...

    def rejected(self, error: VoxshardError) -> None:
        """A message was refused and none will follow: send the error now, then close with its code."""
        ...

    def writable(self) -> None:
        """`Connection.writable` is True again."""
        ...

    def closed(self, code: int) -> None:
        """The last call, exactly once: the close code sent or received, 1006 if there was none."""
        ...


Factory = Callable[[Request], Handler]
"""Makes the handler of a connection before it is accepted; raises the `VoxshardError` that refuses it."""
