"""One end of a link as an asyncio protocol: frames in one by one, frames out in one write per loop tick."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sys
import termios
from typing import Protocol, cast

import msgspec

from common.link import LINK_STREAM, Frame, FrameDecoder, FrameType, LinkError, encode

log = logging.getLogger(__name__)


class LinkOwner(Protocol):
    def link_up(self, link: LinkTransport) -> None: ...

    def frame(self, link: LinkTransport, frame: Frame) -> None: ...

    def link_lost(self, link: LinkTransport) -> None:
        """Exactly once, whatever ended it."""
        ...


class LinkTransport(asyncio.Protocol):
    """What is written within one turn of the event loop leaves in one system call.

    Its send buffer is bounded by credit, which each session needs for audio; other frames are few and small.
    """

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._decoder = FrameDecoder()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._owner.link_up(self)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._owner.frame(self, frame)
        except LinkError as error:
            log.error("link cut", extra={"cause": str(error)})
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._outgoing.clear()
        self._owner.link_lost(self)

    def send(
        self, kind: FrameType, payload: msgspec.Struct, *, stream: int = LINK_STREAM, epoch: int = 0
    ) -> None:
        self.write(encode(kind, payload, stream=stream, epoch=epoch))

    def write(self, frame: bytes) -> None:
        """Queue an encoded frame; nothing happens once the link is lost."""
        if self._transport is None:
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(frame)

    def peer_ended(self) -> None:
        """What it has sent is heard, then the link is lost: its socket may stay open for a while."""
        if self._transport is None:
            return
        if _has_unread(self._transport):
            self._loop.call_soon(self.peer_ended)
        else:
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Send what is queued, then close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()


def _has_unread(transport: asyncio.Transport) -> bool:
    count = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(count, sys.byteorder) > 0
