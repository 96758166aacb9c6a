"""A gateway's side of the link to one worker: its state as last heard, and the sessions that go over it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Final

import msgspec

from common.events import SessionOptions
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
    Suspects,
    encode_audio,
)
from common.link_transport import LinkTransport
from common.pulse import Pulse
from gateway.admission import Limits, WorkerRoom
from gateway.boundary import tell
from gateway.death import Death
from gateway.lost_workers import LostWorkers
from gateway.session_log import Order
from gateway.session_seams import SessionListener

log = logging.getLogger(__name__)

# Twice a second by its watcher, as often as workers speak: 3 s of silence mean that the process does not run.
# Its sessions go on with others: a mistake costs little, each second of waiting costs all of them a second.
_SILENT_LOOKS: Final = 6
_ORDERS: Final = {Order.COMMIT: FrameType.COMMIT, Order.STOP: FrameType.STOP}
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


class SessionStream:
    """One placement of a session: a stream on a link, in an epoch."""

    def __init__(self, link: WorkerLink, number: int, epoch: int, listener: SessionListener) -> None:
        self._link = link
        self._number = number
        self.epoch = epoch
        self.listener = listener

    @property
    def worker(self) -> str:
        return self._link.name

    def audio(self, first: int, pcm: bytes) -> None:
        """PCM16 from the sample `first` of the session on."""
        self._link.write(encode_audio(self._number, self.epoch, first, pcm))

    def configure(self, options: SessionOptions) -> None:
        self._send(FrameType.CONFIGURE, NewOptions(options))

    def order(self, order: Order) -> None:
        self._send(_ORDERS[order], Nothing())

    def suspect(self, segments: tuple[int, ...]) -> None:
        """A worker may have died of these, and of no others."""
        self._send(FrameType.SUSPECTS, Suspects(segments))

    def close(self) -> None:
        """The client has gone; nothing is heard of this session any more."""
        self._send(FrameType.CLOSE, Nothing())
        self._link.forget(self._number)

    def _send(self, kind: FrameType, payload: msgspec.Struct) -> None:
        self._link.send(kind, payload, self._number, self.epoch)


class WorkerLink:
    """Owner of one `LinkTransport`; made anew for every connection to the worker."""

    def __init__(
        self, gateway: str, metrics_url: str, limits: Limits, stale: Callable[[], None], lost: LostWorkers
    ) -> None:
        """`stale` is told of each frame for a session that is not, or no more, the worker's."""
        self._own_hello = Hello(LINK_VERSION, gateway, os.getpid(), metrics_url)
        self._stale = stale
        self._lost = lost
        self._transport: LinkTransport | None = None
        self._streams: dict[int, SessionStream] = {}
        self._last_number = 0
        self.hello: Hello | None = None
        self.load: Load | None = None
        self.room = WorkerRoom(limits)
        self.pulse = Pulse(_SILENT_LOOKS)

    # --- what is known -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.hello.name if self.hello is not None else "?"

    @property
    def ready(self) -> bool:
        is_known = self._transport is not None and self.hello is not None
        return is_known and self.load is not None and self.load.ready

    # --- sessions ------------------------------------------------------------------------------

    def open(self, listener: SessionListener, options: SessionOptions, epoch: int) -> SessionStream:
        self._last_number += 1
        stream = SessionStream(self, self._last_number, epoch, listener)
        self._streams[self._last_number] = stream
        self.room.given(self._last_number)
        request = Open(listener.id, options, listener.checkpoint, listener.pin_epoch, listener.trace)
        self.send(FrameType.OPEN, request, self._last_number, epoch)
        listener.strikes.decoding(())
        if listener.strikes.suspects:
            stream.suspect(listener.strikes.suspects)
        return stream

    def forget(self, number: int) -> None:
        if self._streams.pop(number, None) is not None:
            self.room.gone(number)

    def send(self, kind: FrameType, payload: msgspec.Struct, number: int, epoch: int) -> None:
        if self._transport is not None:
            self._transport.send(kind, payload, stream=number, epoch=epoch)

    def write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def ping(self) -> None:
        if self._transport is not None:
            self._transport.send(FrameType.PING, Nothing())

    def peer_ended(self) -> None:
        if self._transport is not None:
            self._transport.peer_ended()

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
        # Who has spoken last has the least to be heard again, and waits for it.
        listeners = [stream.listener for stream in streams.values()]
        death = Death()
        if self.hello is not None:
            self._lost.lost(self.hello, death)
        for listener in sorted(listeners, key=attrgetter("unsettled")):
            if listener.strikes.lost(death):
                death.when_known(partial(tell, listener, listener.cause_known))
            tell(listener, listener.worker_lost)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self.pulse.heard()
        match frame.kind:
            case FrameType.HELLO:
                self._greet(frame.payload)
            case FrameType.LOAD:
                self._take_load(frame.payload)
            case _:
                self._for_session(frame)

    def _greet(self, hello: Hello) -> None:
        if hello.version != LINK_VERSION:
            raise LinkError(
                f"worker {hello.name} speaks version {hello.version}, this gateway {LINK_VERSION}"
            )
        self.hello = hello
        self._lost.came(hello)
        log.info("worker connected", extra={"worker": hello.name, "worker_pid": hello.pid})

    def _take_load(self, load: Load) -> None:
        self.load = load
        self._look_at_room(load)
        if load.draining:
            # Said again and again: there may be a worker for them now.
            for stream in list(self._streams.values()):
                tell(stream.listener, stream.listener.leave)

    def _look_at_room(self, load: Load) -> None:
        was_late = self.room.late
        self.room.reported(load)
        if self.room.late and not was_late:
            log.warning("worker late, no new sessions", extra={"worker": self.name, "lag_ms": load.lag_ms})
        elif was_late and not self.room.late:
            log.info("worker in time again", extra={"worker": self.name, "lag_ms": load.lag_ms})

    def _for_session(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or frame.epoch != stream.epoch:
            # Said while our CLOSE was on its way, or by a worker that was given up.
            self._stale()
            return
        if frame.kind is FrameType.OPENED:
            self.room.answered(frame.stream)
        if frame.kind in (FrameType.STOPPED, FrameType.FAILED):
            self.forget(frame.stream)
        if frame.kind is FrameType.FAILED:
            stream.listener.strikes.refused(frame.payload.code)
        self._deliver(stream.listener, frame)

    def _deliver(self, listener: SessionListener, frame: Frame) -> None:
        match frame.kind:
            case FrameType.OPENED:
                tell(listener, listener.opened)
                tell(listener, listener.credit, frame.payload.credit)
            case FrameType.CREDIT:
                tell(listener, listener.credit, frame.payload.samples)
            case FrameType.DECODING:
                listener.strikes.decoding(frame.payload.segments)
            case FrameType.SETTLED:
                tell(listener, listener.settled, frame.payload.checkpoint)
            case kind if kind in _EVENTS:
                tell(listener, listener.event, frame.payload)
            case _:
                raise LinkError(f"{frame.kind.name} is not for a gateway")
