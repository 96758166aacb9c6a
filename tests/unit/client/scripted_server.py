"""A WebSocket server on a free port that says what a test tells it to, in the words of the wire."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

Script = Callable[["Peer"], Awaitable[None]]


def sentence(number: int, text: str) -> dict[str, Any]:
    start = number * 1_000
    times = {"start": start, "end": start + 800, "endpoint": start + 900}
    return {"id": number, "text": text, **times, "reason": "silence"}


class Peer:
    """One connection, seen from the server; numbers its messages itself."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.path = connection.request.path if connection.request else ""
        self.received: list[str | bytes] = []
        self.seq = 0

    async def until(self, *awaited: str | bytes) -> None:
        """Read until one of these messages has come; all that is read stays in `received`."""
        async for message in self.connection:
            self.received.append(message)
            if message in awaited:
                return

    async def say(self, **fields: Any) -> None:
        self.seq += 1
        await self.connection.send(json.dumps({**fields, "seq": self.seq}))

    async def start(self, session: str = "s1", worker: str = "w0") -> None:
        await self.until("START")
        await self.say(event="started", session_id=session, worker=worker)

    async def start_resumable(self, token: str = "t1", within_s: int = 120) -> None:
        await self.until("START")
        ticket = {"resume_token": token, "resume_within_s": within_s}
        await self.say(event="started", session_id="s1", worker="w0", **ticket)

    async def resume(
        self, *texts: str, ack: int = 0, token: str = "t1", within_s: int = 120, final: bool = False
    ) -> None:
        """Wait for RESUME with `token`, then tell these sentences."""
        await self.until(f"RESUME:{token}")
        await self.resumed(ack, within_s)
        await self.result(*texts, ack=ack, final=final)

    async def resumed(self, ack: int = 0, within_s: int = 120) -> None:
        ticket = {"resume_token": "t2", "resume_within_s": within_s}
        await self.say(event="resumed", session_id="s1", worker="w1", ack=ack, **ticket)

    async def lose(self) -> None:
        """As a host does that dies: no close. Its client has read all that was said."""
        # Else that is by chance: a write that finds the connection reset drops what waits to be read.
        await (await self.connection.ping())
        self.cut()

    def cut(self) -> None:
        """The same, whatever the client has read."""
        self.connection.transport.abort()

    async def result(
        self,
        *texts: str,
        partial: str = "",
        final: bool = False,
        worker: str = "w0",
        ack: int = 0,
        duration_ms: int = 5_000,
    ) -> None:
        await self.say(
            sentences=[sentence(number, text) for number, text in enumerate(texts)],
            partial=partial,
            partial_start_ms=len(texts) * 1_000,
            duration_ms=duration_ms,
            is_final=final,
            session_id="s1",
            worker=worker,
            ack=ack,
        )

    async def error(self, code: str, message: str = "why", retryable: bool = False) -> None:
        await self.say(event="error", code=code, message=message, retryable=retryable)

    async def stop(self, *texts: str) -> None:
        """Wait for STOP, then end the session with these sentences."""
        await self.until("STOP")
        await self.stop_unasked(*texts)

    async def stop_unasked(self, *texts: str, duration_ms: int = 5_000) -> None:
        """End the session with these sentences, as a server does that shuts down."""
        await self.result(*texts, final=True, duration_ms=duration_ms)
        await self.say(event="stopped", session_id="s1")
        self.seq = 0

    def audio(self) -> bytes:
        return b"".join(message for message in self.received if isinstance(message, bytes))


@asynccontextmanager
async def serving(script: Script, statuses: Iterable[HTTPStatus | None] = ()) -> AsyncIterator[str]:
    """The address of a server that runs `script` for each connection, then closes it.

    statuses: with which the first handshakes are refused; None: that one is not.
    """
    async with _server(script, statuses) as server:
        yield _address(server)


def each(*scripts: Script) -> Script:
    """One connection after another; there must be no more of them."""
    following = iter(scripts)

    async def script(peer: Peer) -> None:
        await next(following)(peer)

    return script


@contextmanager
def serving_in_thread(script: Script) -> Iterator[str]:
    """The same for a client that has a loop of its own."""
    ready = threading.Event()
    address = ""
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def run() -> None:
        nonlocal address
        async with _server(script) as server:
            address = _address(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="scripted-server")
    thread.start()
    assert ready.wait(5)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()


@asynccontextmanager
async def _server(script: Script, statuses: Iterable[HTTPStatus | None] = ()) -> AsyncIterator[Server]:
    refusals = iter(statuses)

    async def handle(connection: ServerConnection) -> None:
        await script(Peer(connection))

    def refuse(connection: ServerConnection, _request: Request) -> Response | None:
        status = next(refusals, None)
        return None if status is None else connection.respond(status, "no")

    # What a script leaves unread must not hold back a pong or the answer to a close.
    async with serve(
        handle,
        "127.0.0.1",
        0,
        compression=None,
        max_size=None,
        max_queue=None,
        process_request=refuse,
    ) as server:
        yield server


def _address(server: Server) -> str:
    port = next(iter(server.sockets)).getsockname()[1]
    return f"ws://127.0.0.1:{port}"
