"""Clients that harm: sessions that speak and never read, and sockets that send their handshake byte by byte.
And those of the first kind that do read: what sessions cost by being there.

They run in a process of their own, so that what they cost is not taken for the gateway's:

    python -m tests.chaos.stalled READING|STALLED PORT CLIENTS HANDSHAKES

It prints LIVE when all clients have come, goes on until its stdin is closed, and prints its `Toll` as JSON.
Whoever is sent away comes again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import sys
import time
from dataclasses import dataclass
from itertools import chain
from typing import Final

import msgspec
from websockets.frames import Frame, Opcode

from common.audio import float_to_pcm16
from tests.support.speech import silence
from tests.support.websocket_rig import text_frame, upgrade_request
from tests.support.wire import speech

LIVE: Final = "live"
READING: Final = "reading"
STALLED: Final = "stalled"
CLIENTS_PER_S: Final = 50
# Its socket takes no more: what it does not read has to wait with the gateway.
_RECEIVE_BUFFER_BYTES: Final = 2_048
# Each question is answered with 12 kB. So many are more than sockets and send buffers hold, and some answers
# wait until the client is taken for a slow reader. Every fourth asks for more than may wait. Few and large:
# as many in small ones would be a flood of commands, which is another harm.
_HOTWORDS: Final = ",".join(f"{'hot' * 18} {number:05}" for number in range(200))
_QUESTIONS: Final = 15
_TOO_MANY: Final = 30
_GREEDY_EVERY: Final = 4
# A tenth of real time, and mostly silence: a thousand that speak would be too many for a small machine's
# detector of speech and for its engine, whether they read or not.
_FRAME_MS: Final = 200
_FRAME_EVERY_S: Final = 2.0
_SPOKEN_FRAMES: Final = 5
_FRAMES_A_ROUND: Final = 30
_SPEECH: Final = Frame(Opcode.BINARY, float_to_pcm16(speech(_FRAME_MS))).serialize(mask=True)
_SILENCE: Final = Frame(Opcode.BINARY, float_to_pcm16(silence(_FRAME_MS / 1000))).serialize(mask=True)
_BYTE_EVERY_S: Final = 2.0
_AGAIN_AFTER_S: Final = 0.5


@dataclass(slots=True)
class Toll:
    """What became of them. `came`, `ended`: sessions that began, and that the gateway has cut; `cut`:
    handshakes; `longest_s`: that the gateway has waited for one of these."""

    came: int = 0
    ended: int = 0
    cut: int = 0
    longest_s: float = 0.0


class Clients:
    def __init__(self, port: int, *, read: bool) -> None:
        self.toll = Toll()
        self.news = asyncio.Event()
        self._port = port
        self._read = read

    async def speak(self, number: int) -> None:
        await asyncio.sleep(number / CLIENTS_PER_S)
        while True:
            try:
                await self._session(self._questions(number))
            except (ConnectionError, EOFError):
                self.toll.ended += 1
            await asyncio.sleep(_AGAIN_AFTER_S)

    def _questions(self, number: int) -> int:
        if self._read:
            return 0
        return _TOO_MANY if number % _GREEDY_EVERY == 0 else _QUESTIONS

    async def shake_hands_slowly(self, number: int) -> None:
        await asyncio.sleep(number / CLIENTS_PER_S)
        while True:
            began = time.monotonic()
            await self._slow_handshake()
            self.toll.cut += 1
            self.toll.longest_s = max(self.toll.longest_s, time.monotonic() - began)
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _session(self, questions: int) -> None:
        """Until it is cut. Raises `ConnectionError`, `EOFError`."""
        loop = asyncio.get_running_loop()
        with await self._connected() as peer:
            await loop.sock_sendall(peer, upgrade_request())
            head = b""
            while b"\r\n\r\n" not in head:
                head += await _some(peer, 1)
            self.toll.came += 1
            self.news.set()
            reading = asyncio.ensure_future(_read_all(peer) if self._read else asyncio.sleep(0))
            try:
                await _speak(peer, questions)
            finally:
                reading.cancel()

    async def _slow_handshake(self) -> None:
        """Until it is cut."""
        loop = asyncio.get_running_loop()
        with await self._connected() as peer:
            for byte in upgrade_request():
                try:
                    await loop.sock_sendall(peer, bytes([byte]))
                    async with asyncio.timeout(_BYTE_EVERY_S):
                        assert not await loop.sock_recv(peer, 1), "half a handshake was answered"
                        return
                except TimeoutError:
                    continue
                except ConnectionError:
                    return

    async def _connected(self) -> socket.socket:
        peer = socket.socket()
        peer.setblocking(False)
        if not self._read:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", self._port))
        return peer


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _speak(peer: socket.socket, questions: int) -> None:
    loop = asyncio.get_running_loop()
    asking = text_frame(f"HOTWORDS:{_HOTWORDS}").serialize(mask=True) * questions
    await loop.sock_sendall(peer, text_frame("START").serialize(mask=True) + asking)
    began = time.monotonic()
    for number in itertools.count():
        await loop.sock_sendall(peer, _SPEECH if number % _FRAMES_A_ROUND < _SPOKEN_FRAMES else _SILENCE)
        await asyncio.sleep(began + (number + 1) * _FRAME_EVERY_S - time.monotonic())


async def _read_all(peer: socket.socket) -> None:
    with contextlib.suppress(ConnectionError, EOFError):
        while True:
            await _some(peer, 1 << 16)


async def _some(peer: socket.socket, size: int) -> bytes:
    """Raises `ConnectionError`, `EOFError`."""
    data = await asyncio.get_running_loop().sock_recv(peer, size)
    if not data:
        raise EOFError
    return data


async def _main(kind: str, port: int, count: int, handshakes: int) -> Toll:
    clients = Clients(port, read=kind == READING)
    works = chain(
        map(clients.speak, range(count)),
        map(clients.shake_hands_slowly, range(handshakes)),
    )
    tasks = [asyncio.ensure_future(work) for work in works]
    while clients.toll.came < count:
        clients.news.clear()
        await clients.news.wait()
    _say(LIVE)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return clients.toll


if __name__ == "__main__":
    _say(msgspec.json.encode(asyncio.run(_main(sys.argv[1], *map(int, sys.argv[2:])))).decode())
