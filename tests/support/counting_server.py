"""A START/STOP server without a model: its one sentence says how many samples it was sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from common.audio import pcm16_samples, samples_to_ms


@dataclass(slots=True)
class CountingServer:
    """What its clients did; `error` is the code of an error event after every `started`."""

    error: str | None = None
    url: str = ""
    paths: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    async def serve_client(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            # A client may leave in the middle of its session.
            with suppress(ConnectionClosed):
                await self._session(_Voice(connection))
        finally:
            self._at_once -= 1

    async def _session(self, voice: _Voice) -> None:
        assert await voice.connection.recv() == "START"
        await voice.say(event="started", session_id="s", worker="worker-0")
        if self.error is not None:
            await voice.say(event="error", code=self.error, message="as the test wants", retryable=False)
        audio = b""
        while isinstance(message := await voice.connection.recv(), bytes):
            audio += message
            await voice.result(samples_to_ms(pcm16_samples(audio)), partial="and", sentences=[])
        assert message == "STOP"
        self.received.append(audio)
        heard_ms = samples_to_ms(pcm16_samples(audio))
        await voice.result(heard_ms, is_final=True, sentences=[_sentence(pcm16_samples(audio), heard_ms)])
        await voice.say(event="stopped", session_id="s", worker="worker-0")


@asynccontextmanager
async def counting_server(error: str | None = None) -> AsyncIterator[CountingServer]:
    server = CountingServer(error)
    async with serve(server.serve_client, "127.0.0.1", 0) as listening:
        [socket] = listening.sockets
        server.url = f"ws://127.0.0.1:{socket.getsockname()[1]}"
        yield server


@dataclass(slots=True)
class _Voice:
    """Numbers the messages of one connection."""

    connection: ServerConnection
    _seq: int = 0

    async def say(self, **message: object) -> None:
        self._seq += 1
        await self.connection.send(json.dumps({**message, "seq": self._seq}))

    async def result(
        self, heard_ms: int, *, sentences: list[dict[str, object]], partial: str = "", is_final: bool = False
    ) -> None:
        await self.say(
            sentences=sentences,
            partial=partial,
            partial_start_ms=0,
            duration_ms=heard_ms,
            is_final=is_final,
            session_id="s",
            worker="worker-0",
        )


def _sentence(samples: int, heard_ms: int) -> dict[str, object]:
    text = f"{samples} samples"
    return {"id": 0, "text": text, "start": 0, "end": heard_ms, "endpoint": heard_ms, "reason": "stop"}
