"""A gateway's side of the link to one worker: its state as last heard, and the sessions that go over it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final, Protocol, TypeVarTuple

import msgspec

from common.audio import pcm16_samples
from common.checkpoint import ORIGIN
from common.clock import Clock
from common.events import Event, SessionOptions
from common.link import (
    LINK_VERSION,
    Frame,
    FrameType,
    Hello,
    LinkError,
    Load,
    NewOptions,
    Nothing,
    Open,
    encode_audio,
)
from common.link_transport import LinkTransport

log = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")

# Until placements move, every session is in its first.
FIRST_EPOCH: Final = 1

_EVENTS: Final = frozenset(
    {
        FrameType.SPEECH,
        FrameType.PARTIAL,
        FrameType.FINAL,
        FrameType.COMMITTED,
        FrameType.STOPPED,
        FrameType.FAILED,
    }
)


class SessionListener(Protocol):
    """The live connection as its worker sees it."""

    def opened(self) -> None: ...

    def credit(self, samples: int) -> None: ...

    def event(self, event: Event) -> None: ...

    def worker_lost(self) -> None: ...

    def broken(self) -> None:
        """One of the others has raised; end this connection as well as it still can be."""
        ...


class SessionStream:
    """One session on a link."""

    def __init__(self, link: WorkerLink, number: int, listener: SessionListener) -> None:
        self._link = link
        self._number = number
        self._sent = 0
        self.listener = listener

    @property
    def worker(self) -> str:
        return self._link.name

    def audio(self, pcm: bytes) -> None:
        self._link.write(encode_audio(self._number, FIRST_EPOCH, self._sent, pcm))
        self._sent += pcm16_samples(pcm)

    def configure(self, options: SessionOptions) -> None:
        self._send(FrameType.CONFIGURE, NewOptions(options))

    def commit(self) -> None:
        self._send(FrameType.COMMIT, Nothing())

    def stop(self) -> None:
        self._send(FrameType.STOP, Nothing())

    def close(self) -> None:
        """The client has gone; nothing is heard of this session any more."""
        self._send(FrameType.CLOSE, Nothing())
        self._link.forget(self._number)

    def _send(self, kind: FrameType, payload: msgspec.Struct) -> None:
        self._link.send(kind, payload, self._number)


class WorkerLink:
    """Owner of one `LinkTransport`; made anew for every connection to the worker."""

    def __init__(self, gateway: str, metrics_url: str, clock: Clock) -> None:
        self._own_hello = Hello(LINK_VERSION, gateway, os.getpid(), metrics_url)
        self._clock = clock
        self._transport: LinkTransport | None = None
        self._streams: dict[int, SessionStream] = {}
        self._last_number = 0
        self.hello: Hello | None = None
        self.load: Load | None = None
        self.heard_at = clock.now()

    # --- what is known -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.hello.name if self.hello is not None else "?"

    @property
    def ready(self) -> bool:
        return self._transport is not None and self.load is not None and self.load.ready

    @property
    def sessions(self) -> int:
        """The worker's own count is up to a heartbeat old; ours is exact for what we opened ourselves."""
        reported = self.load.sessions if self.load is not None else 0
        return max(reported, len(self._streams))

    # --- sessions ------------------------------------------------------------------------------

    def open(self, session: str, options: SessionOptions, listener: SessionListener) -> SessionStream:
        self._last_number += 1
        stream = SessionStream(self, self._last_number, listener)
        self._streams[self._last_number] = stream
        self.send(FrameType.OPEN, Open(session, options, ORIGIN), self._last_number)
        return stream

    def forget(self, number: int) -> None:
        self._streams.pop(number, None)

    def send(self, kind: FrameType, payload: msgspec.Struct, number: int) -> None:
        if self._transport is not None:
            self._transport.send(kind, payload, stream=number, epoch=FIRST_EPOCH)

    def write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def ping(self) -> None:
        if self._transport is not None:
            self._transport.send(FrameType.PING, Nothing())

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- LinkOwner -----------------------------------------------------------------------------

    def link_up(self, link: LinkTransport) -> None:
        self._transport = link
        link.send(FrameType.HELLO, self._own_hello)
        link.send(FrameType.PING, Nothing())

    def link_lost(self, link: LinkTransport) -> None:
        self._transport = None
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            _tell(stream.listener, stream.listener.worker_lost)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self.heard_at = self._clock.now()
        match frame.kind:
            case FrameType.HELLO:
                self._greet(frame.payload)
            case FrameType.LOAD:
                self.load = frame.payload
            case _:
                self._for_session(frame)

    def _greet(self, hello: Hello) -> None:
        if hello.version != LINK_VERSION:
            raise LinkError(
                f"worker {hello.name} speaks version {hello.version}, this gateway {LINK_VERSION}"
            )
        self.hello = hello
        log.info("worker connected", extra={"worker": hello.name, "worker_pid": hello.pid})

    def _for_session(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or frame.epoch != FIRST_EPOCH:
            # Said while our CLOSE was on its way, or by a worker that was given up.
            return
        if frame.kind in (FrameType.STOPPED, FrameType.FAILED):
            self.forget(frame.stream)
        self._deliver(stream.listener, frame)

    def _deliver(self, listener: SessionListener, frame: Frame) -> None:
        match frame.kind:
            case FrameType.OPENED:
                _tell(listener, listener.opened)
                _tell(listener, listener.credit, frame.payload.credit)
            case FrameType.CREDIT:
                _tell(listener, listener.credit, frame.payload.samples)
            case FrameType.SETTLED:
                # Nothing is kept for replay yet; the worker trims its own audio.
                pass
            case kind if kind in _EVENTS:
                _tell(listener, listener.event, frame.payload)
            case _:
                raise LinkError(f"{frame.kind.name} is not for a gateway")


def _tell(listener: SessionListener, callback: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
    """Whatever goes wrong in one live connection must not cut the link of all."""
    try:
        callback(*arguments)
    except Exception:
        log.exception("live connection failed")
        listener.broken()
