"""Stands in a connection between hosts until its peer has proven who it is; then the link takes over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from common.link_auth import Handshake, NotProven, Refusal

# A round trip, and a peer that is very busy.
PROVEN_WITHIN_S: Final = 5.0
# A host that is gone says nothing, and what is sent to it would wait for a quarter of an hour.
_UNANSWERED_MS: Final = 10_000


class LinkGuard(asyncio.Protocol):
    def __init__(
        self,
        handshake: Handshake,
        make_link: Callable[[], asyncio.Protocol],
        decided: Callable[[Refusal | None], None],
        within_s: float = PROVEN_WITHIN_S,
    ) -> None:
        """`decided` is called exactly once, with None when the link is up."""
        self._handshake = handshake
        self._make_link = make_link
        self._decided: Callable[[Refusal | None], None] | None = decided
        self._within_s = within_s
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = connection = cast(asyncio.Transport, transport)
        _lose_soon(connection)
        connection.write(self._handshake.opening)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._within_s, self._refuse, connection, Refusal.SILENT)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        try:
            transport.write(self._handshake.feed(data))
        except NotProven as error:
            self._refuse(transport, error.refusal)
            return
        rest = self._handshake.rest
        if rest is not None:
            self._hand_over(transport, rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._decide(Refusal.CLOSED)

    def _hand_over(self, transport: asyncio.Transport, rest: bytes) -> None:
        link = self._make_link()
        transport.set_protocol(link)
        link.connection_made(transport)
        self._decide(None)
        if rest:
            link.data_received(rest)

    def _refuse(self, transport: asyncio.Transport, refusal: Refusal) -> None:
        transport.abort()
        self._decide(refusal)

    def _decide(self, refusal: Refusal | None) -> None:
        decided, self._decided = self._decided, None
        if decided is None:
            return
        if self._patience is not None:
            self._patience.cancel()
        decided(refusal)


def _lose_soon(transport: asyncio.Transport) -> None:
    """Where the system can (Linux): a peer that does not acknowledge what is sent is lost."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
