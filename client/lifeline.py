"""Carries one session over connections: opens them, says what is to be said, hears, and opens the next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from client.connection import (
    LOST_CLOSE,
    NORMAL_CLOSE,
    PROTOCOL_ERROR_CLOSE,
    abort_when_vanished,
    closed_by,
    hang_up,
    open_connection,
    resume_url,
)
from client.failures import StreamError, abandoned, server_silent, server_vanished
from client.session import Line, Session
from client.unread import UnreadUpdates

# For the answer to START or RESUME.
START_TIMEOUT_S: Final = 30.0


class Lifeline:
    """What it hears it tells the session and puts among the unread. Owns a task, from `begin` to `close`."""

    def __init__(self, session: Session, unread: UnreadUpdates, url: str, api_key: str | None) -> None:
        self._session = session
        self._unread = unread
        self._url = url
        self._api_key = api_key
        self._connection: ClientConnection | None = None
        self._speaking = asyncio.Lock()
        self._life: asyncio.Task[None]

    def begin(self) -> None:
        self._life = asyncio.create_task(self._live(), name="stream-life")

    async def close(self) -> None:
        """The session is left, finished or not."""
        self._fail(abandoned())
        failure = self._session.failure
        broken = failure is not None and failure.code == "protocol_broken"
        self._life.cancel()
        try:
            await asyncio.wait({self._life})
        finally:
            if self._connection is not None:
                await hang_up(self._connection, PROTOCOL_ERROR_CLOSE if broken else NORMAL_CLOSE)
        if not self._life.cancelled():
            self._life.result()

    # --- what is said --------------------------------------------------------------------------

    async def flush(self) -> None:
        """Say in order what has not been said; without a connection that is left to the next one."""
        async with self._speaking:
            if (connection := self._connected) is None:
                return
            with suppress(ConnectionClosed):
                # Not on one that is closing: what is still unread would be taken for an answer.
                while connection.state is State.OPEN and (message := self._session.next()) is not None:
                    await connection.send(message)
        await self._learn_of(connection)

    @property
    def _connected(self) -> ClientConnection | None:
        return self._connection if self._session.line is Line.CONNECTED else None

    async def _learn_of(self, connection: ClientConnection) -> None:
        """If it was lost, wait until what came before its end is read, and it is clear what follows."""
        await self._unread.until(
            lambda: connection.state is State.OPEN or self._session.ended or self._connected is not connection
        )

    async def keep_alive(self) -> None:
        """Nothing without a connection."""
        if (connection := self._connected) is not None:
            with suppress(ConnectionClosed):
                await connection.send("KEEPALIVE")
            await self._learn_of(connection)

    # --- one connection after another ----------------------------------------------------------

    async def _live(self) -> None:
        """One connection after another, until the session has ended."""
        url = self._url
        try:
            while not self._session.ended:
                await asyncio.sleep(await self._attempt(url))
                url = resume_url(self._url)
        finally:
            # Nobody may wait for a task that is gone.
            self._fail(abandoned())

    async def _attempt(self, url: str) -> float:
        """A connection from its beginning to its end; seconds until the next one. The last one stays open."""
        try:
            self._connection = connection = await open_connection(url, self._api_key)
        except StreamError as refused:
            return self._lose(refused)
        pause_s = self._lose(await self._converse(connection))
        if not self._session.ended:
            await hang_up(connection, NORMAL_CLOSE)
        return pause_s

    def _lose(self, loss: StreamError) -> float:
        """Seconds until the next connection, unless the session has ended, or does so now."""
        if self._session.ended:
            return 0.0
        try:
            pause_s, news = self._session.lost(loss)
        except StreamError as failure:
            self._fail(failure)
            return 0.0
        if news is not None:
            self._unread.put(news)
        return pause_s

    async def _converse(self, connection: ClientConnection) -> StreamError:
        """Until nothing more is heard; why the connection ended."""
        async with asyncio.TaskGroup() as directions:
            talking = directions.create_task(self._talk(connection, self._session.ask()), name="stream-talk")
            watching = directions.create_task(abort_when_vanished(connection), name="stream-watch")
            loss = await self._listen(connection)
            if watching.done():
                loss = server_vanished()
            talking.cancel()
            watching.cancel()
        return loss

    async def _talk(self, connection: ClientConnection, questions: Sequence[str]) -> None:
        """Ask for the session, then say what nobody else will say again."""
        with suppress(ConnectionClosed):
            for question in questions:
                await connection.send(question)
            await self._unread.until(lambda: self._connected is connection)
            await self.flush()

    async def _listen(self, connection: ClientConnection) -> StreamError:
        try:
            while not self._session.over:
                limit_s = START_TIMEOUT_S if self._session.line is Line.ASKING else None
                async with asyncio.timeout(limit_s):
                    received = await connection.recv()
                self._take(received)
                # In a burst of messages the caller of `updates` gets its turn too.
                await asyncio.sleep(0)
        except ConnectionClosed as closed:
            return self._session.closed(*closed_by(closed))
        except TimeoutError:
            return server_silent(START_TIMEOUT_S)
        return self._session.closed(LOST_CLOSE, "")

    def _take(self, received: str | bytes) -> None:
        update = self._session.hear(received)
        if update is not None:
            self._unread.put(update)
        else:
            self._unread.announce()

    def _fail(self, failure: StreamError) -> None:
        self._session.fail(failure)
        self._unread.announce()
