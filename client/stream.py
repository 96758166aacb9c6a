"""One live session over the START/STOP protocol, as an async context manager.

    async with StreamClient("ws://127.0.0.1:10095") as client:
        await client.send(pcm)
        sentences = await client.finish()

A task of the client reads all the time, so neither sending nor the server ever waits for the caller of
`updates()`. There is no reconnect: what ends a session early is raised as `StreamError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import Final, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from client.connection import (
    NORMAL_CLOSE,
    PROTOCOL_ERROR_CLOSE,
    StreamError,
    abandoned,
    connection_closed,
    open_connection,
    opening_commands,
    protocol_broken,
    server_silent,
    session_error,
    session_url,
)
from client.unread import UnreadUpdates, Update
from client.view import (
    ErrorEvent,
    ProtocolBroken,
    Sentence,
    Started,
    Stopped,
    TranscriptView,
    decode_message,
)

__all__ = ["StreamClient", "StreamError", "StreamState", "Update", "transcribe"]

START_TIMEOUT_S: Final = 30.0
# Long, because a backlog of audio may have to be recognised first.
FINISH_TIMEOUT_S: Final = 120.0
NO_REPLACEMENTS: Final[Mapping[str, str]] = MappingProxyType({})


class StreamState(Enum):
    OPENING = "opening"
    STREAMING = "streaming"
    FINISHING = "finishing"
    STOPPED = "stopped"
    FAILED = "failed"


TRANSITIONS: Final[dict[StreamState, frozenset[StreamState]]] = {
    StreamState.OPENING: frozenset({StreamState.STREAMING, StreamState.FAILED}),
    StreamState.STREAMING: frozenset({StreamState.FINISHING, StreamState.FAILED}),
    StreamState.FINISHING: frozenset({StreamState.STOPPED, StreamState.FAILED}),
    StreamState.STOPPED: frozenset(),
    StreamState.FAILED: frozenset(),
}
_ENDED: Final = frozenset({StreamState.STOPPED, StreamState.FAILED})


class StreamClient:
    """A session: START is sent on entering, STOP by `finish`.

    The options are those of the protocol; `silence_schedule` is written as in the server's settings,
    `api_key` may be a token.
    Every method raises `StreamError` once the session has failed, and RuntimeError after `finish`.
    """

    def __init__(  # noqa: PLR0913 - each is an option of the session
        self,
        url: str,
        session_id: str | None = None,
        language: str | None = None,
        hotwords: Iterable[str] = (),
        replacements: Mapping[str, str] = NO_REPLACEMENTS,
        silence_schedule: str | None = None,
        *,
        api_key: str | None = None,
    ) -> None:
        self._api_key = api_key
        self._url = session_url(url, session_id, silence_schedule)
        self._commands = opening_commands(language, tuple(hotwords), replacements)
        self._connection: ClientConnection
        self._reader: asyncio.Task[None]
        self._state = StreamState.OPENING
        self._failure: StreamError | None = None
        self._view = TranscriptView()
        self._unread = UnreadUpdates()

    async def __aenter__(self) -> Self:
        self._connection = await open_connection(self._url, self._api_key)
        self._reader = asyncio.create_task(self._read(), name="stream-reader")
        try:
            for command in self._commands:
                await self._send(command)
            await self._leave(StreamState.OPENING, START_TIMEOUT_S)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def session_id(self) -> str:
        return self._view.session_id

    @property
    def worker(self) -> str:
        """The worker that decodes now; it changes when the server moves the session."""
        return self._view.worker

    @property
    def view(self) -> TranscriptView:
        return self._view

    @property
    def transcript(self) -> str:
        """Text of all sentences locked so far."""
        return self._view.transcript

    async def send(self, pcm: bytes) -> None:
        """One frame of PCM16 16 kHz mono; waits while the server takes no more."""
        await self._send_live(pcm)

    async def commit(self) -> None:
        """Lock what was said up to here."""
        await self._send_live("COMMIT")

    async def keep_alive(self) -> None:
        await self._send_live("KEEPALIVE")

    async def finish(self, timeout_s: float = FINISH_TIMEOUT_S) -> list[Sentence]:
        """Send STOP, wait for `stopped`, return all sentences; no message for `timeout_s` is a failure."""
        self._require_streaming()
        # On a connection that is closing STOP is not sent, and a `stopped` still unread is no answer to it.
        if self._connection.state is State.OPEN:
            self._move(StreamState.FINISHING)
        await self._within(timeout_s, self._send("STOP"))
        await self._leave(StreamState.FINISHING, timeout_s)
        return list(self._view.sentences)

    async def updates(self) -> AsyncIterator[Update]:
        """Every message of the server, up to the `stopped` that answers `finish`; for one caller at a time.

        A caller that falls far behind misses the oldest results. An error that the session
        outlives is an update; one that ends it is yielded, then raised.
        """
        while self._unread or self._state not in _ENDED:
            if self._unread:
                yield self._unread.take()
            else:
                await self._unread.news()
        self._raise_failure()

    async def _send_live(self, message: bytes | str) -> None:
        self._require_streaming()
        await self._send(message)

    def _require_streaming(self) -> None:
        self._raise_failure()
        if self._state is not StreamState.STREAMING:
            raise RuntimeError(f"this stream is {self._state.value}")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _send(self, message: bytes | str) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed as closed:
            # The reader meets the same close, but also reads what came before it, such as an error event.
            await asyncio.wait({self._reader})
            raise (self._failure or connection_closed(closed)) from closed

    async def _leave(self, state: StreamState, timeout_s: float) -> None:
        """Wait until the stream is past `state`; `timeout_s` counts anew from each message."""
        while self._state is state:
            await self._within(timeout_s, self._unread.news())
        self._raise_failure()

    async def _within(self, timeout_s: float, wait: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await wait
        except TimeoutError:
            self._fail(server_silent(timeout_s))

    async def _read(self) -> None:
        """Read until the connection is closed; what comes after the end of the session is let pass."""
        try:
            while True:
                self._accept(await self._connection.recv())
                # In a burst of messages the caller of `updates` gets its turn too.
                await asyncio.sleep(0)
        except ConnectionClosed as closed:
            self._fail(connection_closed(closed))
        finally:
            # Nobody may wait for a reader that is gone.
            self._fail(abandoned())

    def _accept(self, received: str | bytes) -> None:
        if self._state in _ENDED:
            return
        try:
            self._fold(received)
        except ProtocolBroken as broken:
            self._fail(protocol_broken(broken))

    def _fold(self, received: str | bytes) -> None:
        if isinstance(received, bytes):
            raise ProtocolBroken("a binary message came")
        message = decode_message(received)
        self._view = self._view.fold(message)
        match message:
            case Started():
                self._move(StreamState.STREAMING)
            # One that nobody asked for: the server ends the session, and says why in what follows.
            case Stopped() if self._state is StreamState.FINISHING:
                self._move(StreamState.STOPPED)
            case ErrorEvent() if message.ends_session:
                self._fail(session_error(message))
        self._unread.put(Update(message, received, self._view))

    def _move(self, state: StreamState) -> None:
        if state not in TRANSITIONS[self._state]:
            raise ProtocolBroken(f"`{state.value}` while {self._state.value}")
        self._state = state

    def _fail(self, failure: StreamError) -> None:
        """The first cause counts; a session that has ended cannot fail any more."""
        if self._state not in _ENDED:
            self._failure = failure
            self._move(StreamState.FAILED)
            self._unread.announce()

    async def _close(self) -> None:
        self._fail(abandoned())
        broken = self._failure is not None and self._failure.code == "protocol_broken"
        try:
            # The reader reads on meanwhile: unread messages would hold back the server's answer to the close.
            await self._connection.close(PROTOCOL_ERROR_CLOSE if broken else NORMAL_CLOSE)
            await self._reader
        finally:
            # Does nothing after an orderly close; if that was cancelled, the socket must not stay open.
            self._connection.transport.abort()
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


async def transcribe(url: str, frames: AsyncIterable[bytes]) -> list[Sentence]:
    """Send all frames at the pace they come in, then finish. Raises `StreamError`."""
    async with StreamClient(url) as client:
        async for frame in frames:
            await client.send(frame)
        return await client.finish()
