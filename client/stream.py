"""One live session over the START/STOP protocol, as an async context manager.

    async with StreamClient("ws://127.0.0.1:10095") as client:
        await client.send(pcm)
        sentences = await client.finish()

A task of the client reads all the time, so neither sending nor the server ever waits for the caller of
`updates()`. When the connection is lost, that task makes another one and resumes the session; what ends the
session is raised as `StreamError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Final, Self

from client.connection import opening_commands, session_url
from client.failures import StreamError, server_silent
from client.lifeline import Lifeline
from client.replay import COMMIT
from client.retry import Retry
from client.session import Line, Session, StreamState
from client.unread import UnreadUpdates
from client.view import Sentence, TranscriptView, Update
from common.audio import BYTES_PER_SAMPLE

__all__ = ["StreamClient", "StreamError", "StreamState", "Update", "transcribe"]

# Long, because a backlog of audio may have to be recognised first.
FINISH_TIMEOUT_S: Final = 120.0
# A server that settles nothing for so long is in a segment that is longer than what can be kept.
ROOM_TIMEOUT_S: Final = 20.0
NO_REPLACEMENTS: Final[Mapping[str, str]] = MappingProxyType({})


class StreamClient:
    """A session: START is sent on entering, STOP by `finish`.

    The options are those of the protocol; `silence_schedule` is written as in the server's settings,
    `api_key` may be a token. `resume`: a lost connection is made again, and the session goes on, unless the
    server cannot do that; while there is none, all methods work as ever. On Linux one is lost too when the
    network is gone without a word, some 16 s later; elsewhere TCP has to say so, which may be too late.
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
        resume: bool = True,
    ) -> None:
        address = session_url(url, session_id, silence_schedule)
        commands = opening_commands(language, tuple(hotwords), replacements)
        self._session = Session(commands, Retry(), resume=resume)
        self._unread = UnreadUpdates()
        self._lifeline = Lifeline(self._session, self._unread, address, api_key)

    async def __aenter__(self) -> Self:
        self._lifeline.begin()
        try:
            await self._unread.until(lambda: self._session.state is not StreamState.OPENING)
            self._raise_failure()
        except BaseException:
            await self._lifeline.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifeline.close()

    @property
    def session_id(self) -> str:
        return self.view.session_id

    @property
    def worker(self) -> str:
        """The worker that decodes now; it changes when the server moves the session."""
        return self.view.worker

    @property
    def view(self) -> TranscriptView:
        return self._session.view

    @property
    def transcript(self) -> str:
        """Text of all sentences locked so far."""
        return self.view.transcript

    # --- what the caller says ------------------------------------------------------------------

    async def send(self, pcm: bytes) -> None:
        """PCM16 16 kHz mono, of any length; waits while the server takes no more. Raises ValueError if its
        last sample is not whole.

        While there is no connection, audio is kept; it waits when 120 s of it are not settled.
        """
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError("PCM16 frames have an even number of bytes")
        await self._say(pcm)

    async def commit(self) -> None:
        """Lock what was said up to here."""
        await self._say(COMMIT)

    async def keep_alive(self) -> None:
        """Does nothing while there is no connection."""
        self._require_streaming()
        await self._lifeline.keep_alive()
        self._raise_failure()

    async def finish(self, timeout_s: float = FINISH_TIMEOUT_S) -> list[Sentence]:
        """Send STOP, wait for `stopped`, return all sentences; no message for `timeout_s` is a failure."""
        self._require_streaming()
        self._session.finish()
        await self._within(timeout_s, self._lifeline.flush())
        while self._session.state is StreamState.FINISHING:
            await self._within(timeout_s, self._unread.news())
        self._raise_failure()
        return list(self.view.sentences)

    async def updates(self) -> AsyncIterator[Update]:
        """Every message of the server, up to the `stopped` that answers `finish`; for one caller at a time.

        A caller that falls far behind misses the oldest results. An error that the session
        outlives is an update; one that ends it is yielded, then raised. A connection that is lost is an
        update (`Lost`), and later `Resumed` is one. What was locked is in the views: after that, results may
        lack the newest sentences, and say them again.
        """
        while self._unread or not self._session.ended:
            if self._unread:
                yield self._unread.take()
            else:
                await self._unread.news()
        self._raise_failure()

    async def _say(self, message: bytes | str) -> None:
        self._require_streaming()
        await self._room_for(message)
        self._session.replay.add(message)
        await self._lifeline.flush()
        self._raise_failure()

    async def _room_for(self, message: bytes | str) -> None:
        """Without a connection the session's end bounds this."""
        replay = self._session.replay
        while not replay.has_room(message):
            try:
                async with asyncio.timeout(ROOM_TIMEOUT_S):
                    await self._unread.until(
                        lambda: replay.has_room(message) or self._session.state is not StreamState.STREAMING
                    )
            except TimeoutError:
                if self._session.line is Line.CONNECTED:
                    replay.forget()
                    break
            self._require_streaming()

    async def _within(self, timeout_s: float, wait: Awaitable[None]) -> None:
        """How long there may be no connection is not decided here."""
        line = self._session.line
        try:
            async with asyncio.timeout(timeout_s):
                await wait
        except TimeoutError:
            # If it began without a connection, one that is there now has had no such time to say anything.
            if line is self._session.line is Line.CONNECTED:
                self._fail(server_silent(timeout_s))

    def _require_streaming(self) -> None:
        self._raise_failure()
        if self._session.state is not StreamState.STREAMING:
            raise RuntimeError(f"this stream is {self._session.state.value}")

    def _raise_failure(self) -> None:
        if self._session.failure is not None:
            raise self._session.failure

    def _fail(self, failure: StreamError) -> None:
        self._session.fail(failure)
        self._unread.announce()


async def transcribe(url: str, frames: AsyncIterable[bytes]) -> list[Sentence]:
    """Send all frames at the pace they come in, then finish. Raises `StreamError`."""
    async with StreamClient(url) as client:
        async for frame in frames:
            await client.send(frame)
        return await client.finish()
