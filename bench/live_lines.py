"""What a live stream talks over: one connection, or a client that makes another one when it is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from client.stream import StreamClient, StreamError
from client.view import ErrorEvent

_OPEN_TIMEOUT_S: Final = 30.0
_CLOSE_TIMEOUT_S: Final = 2.0


class SaidSentence(msgspec.Struct, frozen=True):
    """FunASR's sentences have no endpoint and no reason."""

    text: str
    start: int
    end: int
    endpoint: int | None = None
    reason: str | None = None


class Said(msgspec.Struct, frozen=True):
    """Any message of either server; what is not in it keeps its default."""

    event: str | None = None
    code: str = "error"
    worker: str = ""
    sentences: tuple[SaidSentence, ...] = ()
    partial: str = ""
    duration_ms: int = 0
    is_final: bool = False
    seq: int | None = None


class StreamBroken(Exception):
    """The stream ended early; the message is a code."""


class Line(Protocol):
    """Of one session, for which START has been sent. All methods may raise what the connection raises; around
    them `OpenLine` makes `StreamBroken` of what a client says of its session's end."""

    async def send(self, frame: bytes) -> None: ...

    async def stop(self) -> None: ...

    async def hear(self) -> Said:
        """The next message of the server, from `started` on."""
        ...


OpenLine = Callable[[str], AbstractAsyncContextManager[Line]]
"""To the server at this address."""


class _Connection:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: bytes) -> None:
        await self._connection.send(frame)

    async def stop(self) -> None:
        await self._connection.send("STOP")

    async def hear(self) -> Said:
        return _decoded(await self._connection.recv(decode=False))


@asynccontextmanager
async def one_connection(url: str) -> AsyncIterator[Line]:
    """The stream is lost with it."""
    async with connect(
        url,
        compression=None,
        max_size=None,
        ping_interval=None,
        proxy=None,
        open_timeout=_OPEN_TIMEOUT_S,
        close_timeout=_CLOSE_TIMEOUT_S,
    ) as connection:
        await connection.send("START")
        yield _Connection(connection)


class _Resuming:
    def __init__(self, client: StreamClient) -> None:
        self._client = client
        self._updates = client.updates()

    async def send(self, frame: bytes) -> None:
        await self._client.send(frame)

    async def stop(self) -> None:
        await self._client.finish()

    async def hear(self) -> Said:
        """What ends the session is raised behind its error; behind any other error the stream goes on."""
        while isinstance((update := await anext(self._updates)).message, ErrorEvent):
            pass
        return _decoded(update.text.encode())


@asynccontextmanager
async def resuming(url: str) -> AsyncIterator[Line]:
    """The stream outlives its connection and its gateway; `lost` and `resumed` are heard of it."""
    try:
        async with StreamClient(url) as client:
            yield _Resuming(client)
    except StreamError as error:
        raise StreamBroken(error.code) from error


def _decoded(raw: bytes) -> Said:
    try:
        return msgspec.json.decode(raw, type=Said)
    except msgspec.DecodeError as error:
        raise StreamBroken("unreadable_message") from error
