"""One end of the socket between a worker and its engine: messages in, messages out, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, cast

import msgspec

from worker.engines.hosted.messages import Decoder

_LENGTH_BYTES: Final = 4
_ENCODER: Final = msgspec.msgpack.Encoder()


class PipeOwner(Protocol):
    def received(self, messages: Sequence[Any]) -> None:
        """What the other end sent in one turn of its event loop."""
        ...

    def hung_up(self) -> None:
        """Exactly once, whichever end closed."""
        ...


class MessagePipe(asyncio.Protocol):
    """What is sent within one turn of the event loop travels together, so that a batch stays a batch.

    Both ends are the same version of the same program on one host, and requests in flight are bounded; so are
    the messages in the buffers.
    """

    def __init__(self, owner: PipeOwner, decoder: Decoder) -> None:
        self._owner = owner
        self._decoder = decoder
        self._incoming = bytearray()
        self._outgoing: list[msgspec.Struct] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def send(self, message: msgspec.Struct) -> None:
        """Nothing happens once the other end is gone."""
        if self._transport is None:
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(message)

    def close(self) -> None:
        """Send what is queued, then hang up."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        for body in self._frames():
            self._owner.received(self._decoder.decode(body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._outgoing.clear()
        self._owner.hung_up()

    # --- frames --------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            body = _ENCODER.encode(self._outgoing)
            self._transport.write(len(body).to_bytes(_LENGTH_BYTES) + body)
        self._outgoing.clear()

    def _frames(self) -> Iterator[bytes]:
        while len(self._incoming) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._incoming[:_LENGTH_BYTES])
            if end > len(self._incoming):
                return
            body = bytes(self._incoming[_LENGTH_BYTES:end])
            del self._incoming[:end]
            yield body
