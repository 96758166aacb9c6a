"""Takes links from gateways and turns their frames into calls on sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from common.capacity import FIRST_EPOCH
from common.clock import UnixClock
from common.errors import InternalError, VoxshardError
from common.events import failure
from common.link import LINK_VERSION, Frame, FrameType, Hello, LinkError, Load, NewOptions, Open, Opened
from common.link_transport import LinkTransport
from worker.load_news import LoadNews
from worker.pipeline.orders import Mark
from worker.segment_trace import TracedSegments
from worker.session import SessionLife, WorkerSession
from worker.session_meter import CREDIT_SAMPLES
from worker.session_services import Services
from worker.session_table import SessionTable

if TYPE_CHECKING:
    from common.otlp import Tracing

log = logging.getLogger(__name__)

_MARKS: Final = {FrameType.COMMIT: Mark.COMMIT, FrameType.STOP: Mark.STOP}


class GatewayLinks:
    """Owner of all links of this worker; each link's streams are sessions of that gateway."""

    def __init__(
        self,
        hello: Callable[[], Hello],
        table: SessionTable,
        services: Services,
        load: Callable[[], Load],
        tracing: Tracing | None = None,
    ) -> None:
        """`hello` and `load` tell what is so when they are called."""
        self._hello = hello
        self._table = table
        self._services = services
        self._load = load
        self._tracing = tracing
        self._news = LoadNews(self._tell_news)
        # Of the whole worker; None is no limit.
        self.max_speaking: int | None = None
        self._streams: dict[LinkTransport, dict[int, tuple[int, WorkerSession]]] = {}

    # --- LinkOwner -----------------------------------------------------------------------------

    def link_up(self, link: LinkTransport) -> None:
        self._streams[link] = {}
        link.send(FrameType.HELLO, self._hello())
        link.send(FrameType.LOAD, self._load())

    def link_lost(self, link: LinkTransport) -> None:
        self._streams.pop(link, None)
        self._table.remove_owned(link)
        self._news.counted(len(self._table))

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        match frame.kind:
            case FrameType.HELLO:
                self._greet(frame.payload)
            case FrameType.PING:
                self._table.heard_from(link)
            case FrameType.OPEN:
                self._open(link, frame, frame.payload)
            case _:
                self._for_session(link, frame)

    # --- frames --------------------------------------------------------------------------------

    def _greet(self, hello: Hello) -> None:
        if hello.version != LINK_VERSION:
            raise LinkError(f"{hello.name} speaks version {hello.version}, this worker {LINK_VERSION}")
        log.info("gateway connected", extra={"gateway": hello.name, "gateway_pid": hello.pid})

    def _open(self, link: LinkTransport, frame: Frame, request: Open) -> None:
        try:
            self._admit(request, frame.epoch)
            session = self._session(link, frame, request)
        except VoxshardError as error:
            self._refuse(link, frame, error)
        except Exception:
            # The boundary of a session: whatever goes wrong in it must not end the others.
            log.exception("session failed", extra={"session": request.session})
            self._refuse(link, frame, InternalError())
        else:
            self._streams[link][frame.stream] = (frame.epoch, session)
            self._table.add(session, link, request.pin_epoch)
            self._news.counted(len(self._table))
            link.send(FrameType.OPENED, Opened(CREDIT_SAMPLES), stream=frame.stream, epoch=frame.epoch)

    def _admit(self, request: Open, epoch: int) -> None:
        """Raises `SessionInUse` and `Overloaded`."""
        self._table.make_free(request.session, request.pin_epoch)
        if epoch == FIRST_EPOCH:
            # Gateways look first, but know of each other only by the newest report.
            self._table.check_room(request.session, self.max_speaking)

    def _session(self, link: LinkTransport, frame: Frame, request: Open) -> WorkerSession:
        def send(kind: FrameType, payload: msgspec.Struct) -> None:
            link.send(kind, payload, stream=frame.stream, epoch=frame.epoch)
            if kind in (FrameType.STOPPED, FrameType.FAILED):
                self._forget(link, frame.stream)

        pipeline = self._services.pipeline(request.options, request.checkpoint)
        session = WorkerSession(request.session, send, self._services, pipeline)
        if self._tracing is not None and self._tracing.is_kept(request.trace):
            session.timing.trace = TracedSegments(self._tracing, request, frame.epoch, UnixClock())
        return session

    def _refuse(self, link: LinkTransport, frame: Frame, error: VoxshardError) -> None:
        link.send(FrameType.FAILED, failure(error), stream=frame.stream, epoch=frame.epoch)

    def _for_session(self, link: LinkTransport, frame: Frame) -> None:
        epoch, session = self._streams[link].get(frame.stream, (-1, None))
        if session is None or frame.epoch != epoch:
            # The session ended here while the frame was on its way, or the frame is of a former placement.
            return
        try:
            self._deliver(link, session, frame)
        except LinkError:
            raise
        except Exception:
            # As above: another boundary of a session.
            log.exception("session failed", extra={"session": session.id})
            session.fail(InternalError())

    def _deliver(self, link: LinkTransport, session: WorkerSession, frame: Frame) -> None:
        match frame.kind:
            case FrameType.AUDIO:
                if frame.sequence != session.next_sequence:
                    raise LinkError(f"audio of session {session.id} is not the next")
                session.audio(frame.payload)
            case FrameType.CONFIGURE:
                configured: NewOptions = frame.payload
                session.configure(configured.options)
            case FrameType.COMMIT | FrameType.STOP:
                session.mark(_MARKS[frame.kind])
            case FrameType.SUSPECTS:
                session.in_decode.suspects = frame.payload.segments
            case FrameType.CLOSE:
                self._forget(link, frame.stream)
            case _:
                raise LinkError(f"{frame.kind.name} is not for a worker")

    def _forget(self, link: LinkTransport, stream: int) -> None:
        _, session = self._streams.get(link, {}).pop(stream, (0, None))
        if session is not None:
            self._table.remove(session, SessionLife.DROPPED)
            self._news.counted(len(self._table))

    # --- to all gateways -----------------------------------------------------------------------

    def announce_load(self) -> None:
        self._announce(self._load())

    def _tell_news(self) -> None:
        load = self._load()
        # Nobody places sessions with a worker that is not ready.
        if load.ready:
            self._announce(load)

    def _announce(self, load: Load) -> None:
        for link in self._streams:
            link.send(FrameType.LOAD, load)
        self._news.told(load.sessions)

    def close(self) -> None:
        for link in list(self._streams):
            link.close()
