"""WebSocket connections on asyncio transports around the sans-I/O protocol of `websockets`.

Handshake, framing, pongs and the closing handshake are the library's. This module moves the bytes, keeps
the time limits and hands whole messages to a `Handler`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote

from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from common.errors import FrameTooLarge, VoxshardError
from gateway.sockets import BACKLOG, bind_socket

log = logging.getLogger(__name__)

# The library stops reading at a frame above this. It is far above `Limits.message_bytes`, so that most
# messages that are too large are read to their end and the client is there to read why.
LIBRARY_MAX_BYTES: Final = 1 << 20
# At debug level the library logs what the messages say, at info level a line for every connection.
_LIBRARY_LOG: Final = logging.getLogger(f"{__name__}.library")
_LIBRARY_LOG.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection."""

    message_bytes: int = 65_536
    handshake_s: float = 5.0
    close_s: float = 10.0
    ping_interval_s: float = 20.0
    # Both small: what a client does not read has to show here, not to vanish in the kernel.
    high_water_bytes: int = 65_536
    kernel_buffer_bytes: int = 65_536
    # Pongs are written whether or not they are read; a client that only sends pings is cut here.
    unread_bytes: int = 4 << 20


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Request:
    """How a client asked for its connection: of repeated query fields and headers the first."""

    path: str
    query: Mapping[str, str]
    # Names in lower case.
    headers: Mapping[str, str]
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
    def writable(self) -> bool:
        """False from above the high water mark until below the low one; a hint, sending still works."""
        ...

    def send_text(self, message: str) -> None: ...

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
        """A message was not accepted and none will follow: send the error now, then close with its code."""
        ...

    def writable(self) -> None:
        """`Connection.writable` is True again."""
        ...

    def closed(self, code: int) -> None:
        """The last call, exactly once: the close code sent or received, 1006 if there was none."""
        ...


async def serve(
    host: str,
    port: int,
    factory: Callable[[], Handler],
    *,
    reuse_port: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> asyncio.Server:
    """Listen until the server is closed; connections outlive it. Raises `CannotListen`."""
    listener = bind_socket(host, port, reuse_port=reuse_port)
    return await asyncio.get_running_loop().create_server(
        lambda: _Receiver(factory, limits), sock=listener, backlog=BACKLOG
    )


class _Phase(IntEnum):
    """A connection only ever goes forward through these."""

    HANDSHAKE = 0
    OPEN = 1
    # Nothing more is delivered; the handler says why and closes.
    REJECTED = 2
    # Nothing more is delivered or sent; the peer has `Limits.close_s` to read what was sent.
    CLOSING = 3
