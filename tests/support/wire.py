"""A START/STOP client written from the protocol alone, not from the product's own client.

It keeps every message and checks what holds for all of them: `seq` counts without a gap, a session keeps its
id and worker, sentences are in order and never change.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, ParamSpec

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from common.audio import Samples, float_to_pcm16, ms_to_samples
from tests.support.processes import wait_until
from tests.support.speech import say, silence, trimmed

FRAME_BYTES: Final = 3_200
SENTENCE: Final = "I left my keys on the kitchen table."
"""Short, clear, and read back word by word by the embedded engine."""

_MESSAGE_WITHIN_S: Final = 15.0
_TEST_WITHIN_S: Final = 45.0

Message = dict[str, Any]
Parameters = ParamSpec("Parameters")


def in_loop(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Run an async test in a loop of its own, for a bounded time."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), _TEST_WITHIN_S))

    return run


@cache
def speech(ms: int) -> Samples:
    """Speech without a pause for exactly so long: one sentence, said again and again."""
    sentence = trimmed(say(SENTENCE))
    return np.resize(sentence, ms_to_samples(ms))


def spoken(*, speech_ms: int, silence_ms: int) -> bytes:
    """PCM16 of speech, then silence."""
    return float_to_pcm16(np.concatenate([speech(speech_ms), silence(silence_ms / 1000)]))


def frames(pcm: bytes, frame_bytes: int = FRAME_BYTES) -> list[bytes]:
    return [pcm[start : start + frame_bytes] for start in range(0, len(pcm), frame_bytes)]


@dataclass(frozen=True, slots=True)
class Session:
    """A whole session as its client saw it."""

    messages: list[Message]

    @property
    def id(self) -> str:
        return str(self.messages[0]["session_id"])

    @property
    def worker(self) -> str:
        return str(self.messages[0]["worker"])

    @property
    def final(self) -> Message:
        """The one result that is final."""
        [final] = [message for message in self.messages if message.get("is_final")]
        return final

    @property
    def texts(self) -> list[str]:
        return [sentence["text"] for sentence in self.final["sentences"]]


class Laws:
    """What holds for all messages of a connection; `check` takes them one by one."""

    def __init__(self) -> None:
        self._seq = 0
        self._session: tuple[str, str] | None = None
        self._locked: list[Message] = []
        self._ack = 0

    def check(self, message: Message) -> None:
        self._seq += 1
        assert message["seq"] == self._seq, f"message {self._seq} has another seq: {message}"
        match message.get("event"):
            case "started" | "resumed":
                self._ack = message.get("ack", 0)
                self._session = (message["session_id"], message["worker"])
                self._locked = []
            case "moved":
                assert self._session is not None
                self._session = (self._session[0], message["worker"])
            case None:
                self._check_result(message)
        if self._session is not None:
            assert (message["session_id"], message["worker"]) == self._session
        if message.get("event") == "stopped":
            self._seq = 0
            self._session = None

    def _check_result(self, result: Message) -> None:
        assert self._session is not None, f"a result outside a session: {result}"
        sentences = result["sentences"]
        assert sentences[: len(self._locked)] == self._locked, f"a locked sentence changed: {result}"
        self._locked = sentences
        assert [sentence["id"] for sentence in sentences] == list(range(len(sentences)))
        borders = [border for sentence in sentences for border in (sentence["start"], sentence["end"])]
        assert borders == sorted(borders), f"sentences overlap: {result}"
        assert all(sentence["end"] <= sentence["endpoint"] for sentence in sentences)
        assert result["partial"] or result["partial_start_ms"] == 0
        assert result["ack"] >= self._ack, f"an acknowledgement was taken back: {result}"
        self._ack = result["ack"]


class WireClient:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._laws = Laws()
        self.messages: list[Message] = []

    async def send(self, message: str | bytes, *, text: bool | None = None) -> None:
        """`text` is for bytes that are to be sent as a text message, whatever they are."""
        await self._connection.send(message, text=text)

    async def send_parts(self, parts: list[bytes]) -> None:
        """One message in fragments."""
        await self._connection.send(parts)

    async def send_audio(self, pcm: bytes, frame_bytes: int = FRAME_BYTES, pause_s: float = 0) -> None:
        """As fast as the server takes it, or with a pause after each frame."""
        for frame in frames(pcm, frame_bytes):
            await self.send(frame)
            await asyncio.sleep(pause_s)

    async def receive(self, within_s: float = _MESSAGE_WITHIN_S) -> Message:
        """The next message, checked. Raises `ConnectionClosed`, `TimeoutError`."""
        text = await asyncio.wait_for(self._connection.recv(), within_s)
        message: Message = json.loads(text)
        self.messages.append(message)
        self._laws.check(message)
        return message

    async def receive_until(self, wanted: Callable[[Message], bool]) -> Message:
        """The first message that is wanted; those before it are only kept."""
        while not wanted(message := await self.receive()):
            pass
        return message

    async def event(self, name: str) -> Message:
        """The next event of this name, past any results."""
        return await self.receive_until(lambda message: message.get("event") == name)

    async def error(self) -> Message:
        return await self.event("error")

    async def start(self) -> Message:
        await self.send("START")
        return await self.event("started")

    async def stop(self) -> Message:
        """STOP and all that comes until `stopped`; the final result."""
        await self.send("STOP")
        final = await self.receive_until(lambda message: bool(message.get("is_final")))
        await self.event("stopped")
        return final

    async def closed(self) -> int:
        """Read to the end; the server's close code. What it gives as the reason is the last error's code."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "the connection broke without a close frame"
            assert closed.rcvd.reason == self.messages[-1].get("code")
            return closed.rcvd.code

    async def lost(self) -> None:
        """Read until the connection breaks without a close frame."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as closed:
            assert closed.rcvd is None, f"closed with {closed.rcvd}"

    def drop(self) -> None:
        """Vanish without a close frame."""
        self._connection.transport.abort()

    @contextmanager
    def reading_nothing(self) -> Iterator[None]:
        """Take nothing from the socket, not even a close frame."""
        self._connection.transport.pause_reading()
        yield
        self._connection.transport.resume_reading()


@asynccontextmanager
async def wire_client(
    url: str,
    headers: Mapping[str, str] | None = None,
    ping_interval_s: float = 20,
    tls: ssl.SSLContext | None = None,
    over: socket.socket | None = None,
) -> AsyncIterator[WireClient]:
    """All that comes is taken from the socket at once, read or not. `tls` for `wss://`; `over`: a socket
    that is connected."""
    async with connect(
        url,
        additional_headers=headers,
        max_queue=None,
        ping_interval=ping_interval_s,
        proxy=None,
        ssl=tls,
        sock=over,
    ) as connection:
        yield WireClient(connection)


async def whole_session(url: str, pcm: bytes, frame_bytes: int = FRAME_BYTES, pause_s: float = 0) -> Session:
    """START, the audio, STOP, and all that comes back."""
    async with wire_client(url) as client:
        await client.start()
        await client.send_audio(pcm, frame_bytes, pause_s)
        await client.stop()
        return Session(client.messages)


async def eventually(condition: Callable[[], Any], within_s: float, what: str) -> None:
    """`wait_until` beside a running loop."""
    await asyncio.to_thread(wait_until, condition, within_s, what)
