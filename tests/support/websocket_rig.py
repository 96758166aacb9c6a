"""A WebSocket server whose handler notes what it is told, and a client that can misbehave."""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import uvloop
from websockets.frames import Frame, Opcode

from common.errors import VoxshardError
from gateway.connection import DEFAULT_LIMITS, Connection, Limits, Request
from gateway.websocket import listen, serve

Script = Callable[[Connection, str], None]
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_TEST_TIMEOUT_S: Final = 10.0
_LOOPS: Final = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop.new_event_loop, id="uvloop"),
]


def on_each_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on asyncio's own loop and on uvloop, which handle half-closed sockets differently."""

    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **fixtures: object) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.wait_for(test(**fixtures), _TEST_TIMEOUT_S))

    own = inspect.signature(run).parameters["new_loop"]
    run.__name__ = test.__name__
    # What pytest reads the names of fixtures and parameters from.
    run.__signature__ = inspect.Signature([own, *inspect.signature(test).parameters.values()])  # type: ignore[attr-defined]
    return pytest.mark.parametrize("new_loop", _LOOPS)(run)


def ignore(connection: Connection, message: str) -> None:
    """Script of a handler that says nothing."""


def echo(connection: Connection, message: str) -> None:
    connection.send_text(message.encode())


class Recorder:
    """Handler that notes every call; `script` acts on each text."""

    connection: Connection
    request: Request

    def __init__(self, script: Script = ignore, *, closes_when_rejected: bool = True) -> None:
        self.calls: list[tuple[str, object]] = []
        self._script = script
        self._closes_when_rejected = closes_when_rejected
        self._news = asyncio.Event()

    def connected(self, connection: Connection, request: Request) -> None:
        self.connection = connection
        self.request = request
        self._note("connected", request.path)

    def text(self, message: str) -> None:
        self._note("text", message)
        self._script(self.connection, message)

    def binary(self, message: bytes) -> None:
        self._note("binary", message)

    def rejected(self, error: VoxshardError) -> None:
        self._note("rejected", error.code)
        self.connection.send_text(error.code.encode())
        if self._closes_when_rejected and error.close_code is not None:
            self.connection.close(error.close_code, error.code)

    def writable(self) -> None:
        self._note("writable", self.connection.writable)

    def closed(self, code: int) -> None:
        self._note("closed", code)

    def told(self, name: str) -> list[object]:
        """What every call of this name was given."""
        return [value for called, value in self.calls if called == name]

    async def until(self, name: str, count: int = 1) -> object:
        """Wait for the `count`-th call of this name; what it was given."""
        while len(self.told(name)) < count:
            self._news.clear()
            await self._news.wait()
        return self.told(name)[count - 1]

    def _note(self, name: str, value: object) -> None:
        self.calls.append((name, value))
        self._news.set()


@asynccontextmanager
async def serving(
    handler: Recorder, limits: Limits = DEFAULT_LIMITS, slowed: Callable[[float], None] = lambda _: None
) -> AsyncIterator[int]:
    """The port of a server that gives its one connection to `handler`."""
    listener = listen("127.0.0.1", 0, limits=limits)
    server = await serve(listener, lambda _: handler, limits=limits, slowed=slowed)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if handler.told("connected"):
            handler.connection.abort()
        await let_loop_turn()


async def let_loop_turn() -> None:
    """Enough turns for what both ends of a loopback connection have done to reach the callbacks."""
    for _ in range(20):
        await asyncio.sleep(0)


class RawClient:
    """A client that sends what it is told to and reads only when asked to."""

    def __init__(self, peer: socket.socket) -> None:
        self._socket = peer
        self._unread = b""

    async def send(self, *parts: Frame | bytes) -> None:
        """All parts at once, so that the server most likely reads them at once."""
        data = b"".join(part if isinstance(part, bytes) else part.serialize(mask=True) for part in parts)
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def upgrade(self, target: str = "/", connection: str = "Upgrade", extra: str = "") -> str:
        """Ask for a WebSocket; the head of the answer."""
        await self.send(upgrade_request(target, connection, extra))
        while b"\r\n\r\n" not in self._unread:
            await self._read_some()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head.decode()

    async def read(self) -> tuple[Opcode, bytes]:
        """Opcode and payload of the next frame."""
        first, length = await self._take(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._take(8))
        return Opcode(first & 0x0F), await self._take(length)

    async def read_close_code(self) -> int:
        """Skip what comes before the close frame; its code."""
        while True:
            opcode, payload = await self.read()
            if opcode is Opcode.CLOSE:
                return int.from_bytes(payload[:2])

    async def read_to_end(self) -> bytes:
        """All until the server ends the stream; a reset counts as an end."""
        try:
            while True:
                await self._read_some()
        except (EOFError, ConnectionResetError):
            data, self._unread = self._unread, b""
            return data

    def end_stream(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish: no close frame, no end of the stream."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            await self._read_some()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    async def _read_some(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        if not data:
            raise EOFError
        self._unread += data


@asynccontextmanager
async def raw_client(
    port: int, receive_buffer_bytes: int | None = None, source: str = "127.0.0.1"
) -> AsyncIterator[RawClient]:
    """At 127.0.0.1, from an address of the loopback network."""
    with socket.socket() as peer:
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer_bytes is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        peer.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
        yield RawClient(peer)
    await let_loop_turn()


def upgrade_request(target: str = "/", connection: str = "Upgrade", extra: str = "") -> bytes:
    """Head of a handshake; `extra` is whole header lines."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: {connection}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n{extra}\r\n".encode()
    )


def text_frame(text: str | bytes, *, fin: bool = True) -> Frame:
    return Frame(Opcode.TEXT, text if isinstance(text, bytes) else text.encode(), fin)


def continuation(text: str, *, fin: bool) -> Frame:
    return Frame(Opcode.CONT, text.encode(), fin)


def close_frame(code: int) -> Frame:
    return Frame(Opcode.CLOSE, code.to_bytes(2))
