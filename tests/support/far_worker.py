"""A worker at the far end of a gateway's links: it greets, says its load, and is there or not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from common.link import LINK_VERSION, FrameType, Hello, Load, encode
from common.link_transport import LinkTransport
from gateway.link_keeper import Member


class _Wire(asyncio.Transport):
    """Takes what is written; ends when it is told to."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._sockets = socket.socketpair()
        super().__init__({"socket": self._sockets[0]})
        self._protocol: asyncio.BaseProtocol | None = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        protocol, self._protocol = self._protocol, None
        for end in self._sockets:
            end.close()
        if isinstance(protocol, asyncio.Protocol):
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)


class FarWorker:
    """`there`: whether it can be connected to. Needs a running loop."""

    def __init__(
        self,
        worker: str,
        load: Load,
        host: str = "",
        card: str | None = None,
        capacity: float = 1.0,
        *,
        version: int = LINK_VERSION,
    ) -> None:
        self.worker = worker
        self.there = True
        self.dialled = 0
        self._load = load
        self._hello = Hello(
            version, worker, 1, "http://127.0.0.1:1/metrics", host=host, card=card, capacity=capacity
        )
        self._links: list[tuple[LinkTransport, _Wire]] = []

    def member(self, incarnation: str | None = None, instance: str = "local") -> Member:
        return Member(self.worker, instance, self.dial, incarnation)

    async def dial(self, make_link: Callable[[], LinkTransport]) -> None:
        self.dialled += 1
        if not self.there:
            raise ConnectionRefusedError
        link = make_link()
        wire = _Wire(link)
        self._links.append((link, wire))
        link.connection_made(wire)
        link.data_received(encode(FrameType.HELLO, self._hello))
        self.says(self._load)

    def says(self, load: Load) -> None:
        """On all of its links."""
        self._load = load
        for link, _ in self._links:
            link.data_received(encode(FrameType.LOAD, load))

    def dies(self) -> None:
        self.there = False
        self.cuts()

    def cuts(self) -> None:
        """All of its links; it can be dialled again."""
        links, self._links = self._links, []
        for _, wire in links:
            wire.abort()
