"""The wire between a gateway and a worker: one stream for all sessions, length-prefixed frames.

Header, 16 bytes, big endian: u32 length of the payload, u32 stream, u8 type, u8 flags (0), u16 epoch,
u32 sequence. A stream is one session; stream 0 is the link itself. The epoch grows with every placement
of a session; both ends drop frames of another epoch, so that a worker that was given up cannot speak.
The sequence of an AUDIO frame is its first sample (modulo 2^32), elsewhere 0.
Payloads are msgpack, except audio, which is raw PCM16.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, Any, Final

import msgspec

from common.checkpoint import Checkpoint
from common.events import Committed, Failed, Partial, SessionOptions, Settled, SpeechStarted, Stopped
from common.events import Final as FinalEvent

LINK_VERSION: Final = 3
HEADER: Final = struct.Struct("!IIBBHI")
LINK_STREAM: Final = 0
SEQUENCE_MASK: Final = 0xFFFFFFFF
# Larger than any frame a client may send (64 KiB) and than any transcript message; a length beyond it
# means that the two ends have lost step, and the link is cut.
MAX_PAYLOAD_BYTES: Final = 1 << 20


class FrameType(IntEnum):
    # both ways, once, first
    HELLO = 1
    # gateway -> worker
    OPEN = 2
    AUDIO = 3
    CONFIGURE = 4
    COMMIT = 5
    STOP = 6
    CLOSE = 7
    PING = 8
    SUSPECTS = 9
    # worker -> gateway
    OPENED = 16
    CREDIT = 17
    SPEECH = 18
    PARTIAL = 19
    FINAL = 20
    SETTLED = 21
    COMMITTED = 22
    STOPPED = 23
    FAILED = 24
    LOAD = 25
    DECODING = 26


class Hello(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who is at this end, with the address of its own metrics.

    Of a worker: `incarnation` is what its supervisor calls this process, empty without a supervisor, which
    tells at `ends_url` how its processes ended (`common.ends`). `booted_s`: what its start took. `host` and
    `card`: what it is lost with; on the CPU there is no card. `capacity`: how many sessions it can serve,
    compared with the others.
    """

    version: int
    name: str
    pid: int
    metrics_url: str
    incarnation: str = ""
    ends_url: str = ""
    booted_s: float | None = None
    host: str = ""
    card: str | None = None
    capacity: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Open(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`pin_epoch`: of two gateways that both have the session the one with the greater epoch keeps it.
    `trace`: the span of the session as a W3C `traceparent`, empty if nobody traces it."""

    session: str
    options: SessionOptions
    checkpoint: Checkpoint
    pin_epoch: int = 0
    trace: str = ""


class Opened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Accepted; `credit` samples may be in flight."""

    credit: int


class NewOptions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    options: SessionOptions


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`samples` more may be in flight."""

    samples: int


class Suspects(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All `segments` of the session that a worker may have died of. Of such the engine has one at a time."""

    segments: tuple[int, ...]


class Decoding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All `segments` of the session that the engine has from now on: what is to blame if the worker dies."""

    segments: tuple[int, ...]


class Load(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A worker's state, sent when readiness or the number of sessions changes and at every heartbeat.

    `progress` counts decodes and VAD ticks. `draining`: not ready, and going to end soon; its sessions had
    better go on elsewhere as soon as nothing of them is half said. `engaged`: sessions that have begun, or
    spoken, within the last `common.capacity.QUIET_AFTER_S`.
    """

    ready: bool
    sessions: int
    speaking: int
    lag_ms: int
    progress: int
    gpu: str | None
    draining: bool = False
    engaged: int = 0


class Nothing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Payload of frames that say all by their type."""


PAYLOADS: Final[dict[FrameType, Any]] = {
    FrameType.HELLO: Hello,
    FrameType.OPEN: Open,
    FrameType.CONFIGURE: NewOptions,
    FrameType.COMMIT: Nothing,
    FrameType.STOP: Nothing,
    FrameType.CLOSE: Nothing,
    FrameType.PING: Nothing,
    FrameType.SUSPECTS: Suspects,
    FrameType.OPENED: Opened,
    FrameType.CREDIT: Credit,
    FrameType.SPEECH: SpeechStarted,
    FrameType.PARTIAL: Partial,
    FrameType.FINAL: FinalEvent,
    FrameType.SETTLED: Settled,
    FrameType.COMMITTED: Committed,
    FrameType.STOPPED: Stopped,
    FrameType.FAILED: Failed,
    FrameType.LOAD: Load,
    FrameType.DECODING: Decoding,
}

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(payload) for kind, payload in PAYLOADS.items()}


class LinkError(Exception):
    """The other end does not keep to this wire; the link cannot go on."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One decoded frame; `payload` is bytes for AUDIO, else the record that `PAYLOADS` names."""

    kind: FrameType
    stream: int
    epoch: int
    sequence: int
    payload: Any


def encode_audio(stream: int, epoch: int, first_sample: int, pcm: bytes) -> bytes:
    header = HEADER.pack(len(pcm), stream, FrameType.AUDIO, 0, epoch, first_sample & SEQUENCE_MASK)
    return header + pcm


def encode(kind: FrameType, payload: msgspec.Struct, *, stream: int = LINK_STREAM, epoch: int = 0) -> bytes:
    body = _ENCODER.encode(payload)
    return HEADER.pack(len(body), stream, kind, 0, epoch, 0) + body


class FrameDecoder:
    """Bytes in, whole frames out, wherever the stream was cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now. Raises `LinkError`; the decoder is then of no more use."""
        self._buffer += data
        position = 0
        try:
            while (end := self._frame_end(position)) is not None:
                yield _frame(self._buffer, position, end)
                position = end
        finally:
            del self._buffer[:position]

    def _frame_end(self, position: int) -> int | None:
        if len(self._buffer) - position < HEADER.size:
            return None
        length = int.from_bytes(self._buffer[position : position + 4])
        if length > MAX_PAYLOAD_BYTES:
            raise LinkError(f"frame of {length} bytes")
        end = position + HEADER.size + length
        return end if end <= len(self._buffer) else None


def _frame(buffer: bytearray, start: int, end: int) -> Frame:
    _, stream, kind_byte, _, epoch, sequence = HEADER.unpack_from(buffer, start)
    body = bytes(memoryview(buffer)[start + HEADER.size : end])
    try:
        kind = FrameType(kind_byte)
        payload = body if kind is FrameType.AUDIO else _DECODERS[kind].decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise LinkError(f"frame of type {kind_byte} cannot be read") from error
    return Frame(kind=kind, stream=stream, epoch=epoch, sequence=sequence, payload=payload)
