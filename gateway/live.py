"""One client connection: its socket, its dialect, and the session that it feeds.

The session's life is the table of `common.session`. While a session finishes, later messages are held back;
while a worker gives no credit, the socket is not read, and the client is slowed by its own send buffer.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import Final, assert_never

from common.audio import pcm16_samples
from common.clock import Clock
from common.errors import BY_CODE, IdleTimeout, InternalError, NotStarted, Restarting, SessionInUse, SlowReader
from common.errors import VoxshardError, WorkerLost
from common.events import (
    Audio,
    Command,
    Commit,
    Configure,
    Configured,
    Event,
    Failed,
    KeepAlive,
    SessionOptions,
    Start,
    Started,
    Stop,
    Stopped,
)
from common.ids import checked_session_id, following_session_id, new_session_id
from common.session import SessionState, next_state
from common.silence import parse_schedule
from gateway.dialects.base import Dialect
from gateway.dialects.start_stop import StartStopDialect
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.outbox import Outbox, StallWatch
from gateway.websocket import Connection, Request
from gateway.worker_link import SessionStream
from gateway.worker_pool import WorkerPool

log = logging.getLogger(__name__)

CLIENT_LEFT: Final = "client"
DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class LiveServices:
    """What all connections of a gateway share."""

    pool: WorkerPool
    sessions: LiveSessions
    metrics: GatewayMetrics
    clock: Clock
    options: SessionOptions
    idle_timeout_s: float
    slow_reader_timeout_s: float


@dataclass(slots=True)
class _Running:
    """The session of the moment, from START to its last event."""

    id: str
    stream: SessionStream
    credit: int = 0


class LiveConnection:
    """Handler of one WebSocket, listener of one session after another."""

    def __init__(self, services: LiveServices) -> None:
        self._services = services
        self._dialect: Dialect = StartStopDialect(services.options)
        self._state = SessionState.IDLE
        self._outbox = Outbox()
        self._held: deque[str | bytes] = deque()
        self._naming = _SessionNames()
        self._watch = _Watch(services.clock.now())
        self._connection: Connection | None = None
        self._running: _Running | None = None

    # --- Handler -------------------------------------------------------------------------------

    def connected(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._services.sessions.joined(self)
        try:
            self._naming = _SessionNames(_requested_id(request))
            self._services.sessions.check_free(self._naming.next_id)
            schedule = request.query.get("silence_schedule")
            if schedule is not None:
                self._set_schedule(schedule)
        except VoxshardError as error:
            self._fail(error)

    def text(self, message: str) -> None:
        self._receive(message)

    def binary(self, message: bytes) -> None:
        self._services.metrics.frame_in(len(message))
        self._receive(message)

    def rejected(self, error: VoxshardError) -> None:
        self._fail(error)

    def writable(self) -> None:
        self._flush()

    def closed(self, code: int) -> None:
        self._services.metrics.closed(code, self._watch.reason)
        self._state = SessionState.CLOSED
        self._end_session(tell_worker=True)
        self._services.sessions.left(self)
        self._connection = None

    # --- from the client -----------------------------------------------------------------------

    def _receive(self, message: str | bytes) -> None:
        self._watch.heard_at = self._services.clock.now()
        if self._state is SessionState.FINISHING:
            self._held.append(message)
        elif self._state is not SessionState.CLOSED:
            self._obey(message)

    def _obey(self, message: str | bytes) -> None:
        try:
            self._run(self._parse(message))
        except VoxshardError as error:
            if not (isinstance(error, NotStarted) and isinstance(message, bytes)):
                self._fail(error)
            elif self._watch.first_stray_frame():
                # One error for a run of frames outside a session, not one for each of hundreds.
                self._fail(error)

    def _parse(self, message: str | bytes) -> Command:
        if isinstance(message, str):
            return self._dialect.parse_text(message)
        if self._state is SessionState.IDLE:
            raise NotStarted()
        return self._dialect.parse_binary(message)

    def _run(self, command: Command) -> None:
        following = next_state(self._state, command)
        match command:
            case Start():
                self._start()
            case Configure(options, changed):
                self._configure(options, changed)
            case Audio(pcm):
                self._audio(pcm)
            case Commit():
                self._session.stream.commit()
            case Stop():
                self._session.stream.stop()
                self._pause(True)
            case KeepAlive():
                pass
            case _:
                assert_never(command)
        if self._state is not SessionState.CLOSED:
            self._state = following

    @property
    def _session(self) -> _Running:
        assert self._running is not None
        return self._running

    def _start(self) -> None:
        name = self._naming.next_id
        self._services.sessions.check_free(name)
        stream = self._services.pool.open(name, self._dialect.options, self)
        self._running = _Running(name, stream)
        self._services.sessions.started(name)
        self._watch.stray_frames = False
        self._pause(True)

    def _configure(self, options: SessionOptions, changed: str) -> None:
        if self._running is not None:
            self._running.stream.configure(options)
        self._push(Configured(options, changed))

    def _audio(self, pcm: bytes) -> None:
        running = self._session
        running.stream.audio(pcm)
        running.credit -= pcm16_samples(pcm)
        self._pause(running.credit <= 0)

    def _set_schedule(self, text: str) -> None:
        steps = parse_schedule(text)
        options = self._dialect.options
        self._dialect.options = SessionOptions(options.language, options.hotwords, options.replacements, steps)

    # --- SessionListener -----------------------------------------------------------------------

    def opened(self) -> None:
        running = self._session
        self._naming.taken()
        self._push(Started(running.id, running.stream.worker))

    def credit(self, samples: int) -> None:
        if self._running is not None:
            self._running.credit += samples
            self._pause(self._running.credit <= 0 or self._state is SessionState.FINISHING)

    def event(self, event: Event) -> None:
        if isinstance(event, Failed):
            self._running_ended()
            self._fail(BY_CODE.get(event.code, InternalError)(), said=event)
            return
        self._services.metrics.event_out()
        self._push(event)
        if isinstance(event, Stopped):
            self._finished()

    def worker_lost(self) -> None:
        self._running_ended()
        self._fail(WorkerLost())

    def _finished(self) -> None:
        """All is said: idle again, and whatever the client sent in the meantime counts now."""
        self._running_ended()
        if self._state is not SessionState.CLOSED:
            self._state = SessionState.IDLE
        if self._watch.ends_with is not None:
            self._fail(self._watch.ends_with)
            return
        held, self._held = self._held, deque()
        for message in held:
            self._receive(message)
        self._pause(self._state is SessionState.FINISHING or bool(self._held))

    def _running_ended(self) -> None:
        """The worker has ended the session by itself."""
        self._end_session(tell_worker=False)

    def _end_session(self, *, tell_worker: bool) -> None:
        running, self._running = self._running, None
        if running is not None:
            self._services.sessions.ended(running.id)
            if tell_worker:
                running.stream.close()

    # --- to the client -------------------------------------------------------------------------

    def _fail(self, error: VoxshardError, said: Failed | None = None) -> None:
        """Say what is wrong; close as well if the session cannot outlive it."""
        if self._connection is None or self._state is SessionState.CLOSED:
            return
        try:
            self._outbox.push(said or Failed(error.code, error.text))
        except SlowReader as slow:
            error = slow
        if error.close_code is not None:
            self._close(error.close_code, error.code)
        else:
            self._flush()

    def _close(self, code: int, reason: str) -> None:
        """Send what is left, whether or not it is being read, and close behind it."""
        assert self._connection is not None
        self._watch.reason = reason
        self._end_session(tell_worker=True)
        self._flush(to_the_end=True)
        self._state = SessionState.CLOSED
        self._connection.close(code, reason)

    def _push(self, event: Event) -> None:
        if self._state is SessionState.CLOSED:
            return
        try:
            self._outbox.push(event)
        except SlowReader as error:
            self._close(error.close_code or 1008, error.code)
            return
        self._flush()

    def _flush(self, *, to_the_end: bool = False) -> None:
        connection = self._connection
        while connection is not None and self._outbox and (to_the_end or connection.writable):
            for message in self._dialect.render(self._outbox.pop()):
                self._services.metrics.message_out(len(message))
                connection.send_text(message)

    def _pause(self, paused: bool) -> None:
        if self._connection is None:
            return
        if paused:
            self._connection.pause_reading()
        else:
            self._connection.resume_reading()

    # --- limits --------------------------------------------------------------------------------

    def check_limits(self, now: float) -> None:
        """Called a few times a second: ends a connection that is silent, or that does not read."""
        connection = self._connection
        if connection is None or self._state is SessionState.CLOSED:
            return
        stalled = self._watch.stall.stalled_s(bool(self._outbox), connection.buffered_bytes, now)
        if stalled > self._services.slow_reader_timeout_s:
            self._fail(SlowReader())
        elif self._is_idle(now):
            self._end_idle()

    def _is_idle(self, now: float) -> bool:
        # A client that is not being read from cannot be blamed for its silence.
        waits_for_us = self._running is not None and self._running.credit <= 0
        listening = self._state in (SessionState.IDLE, SessionState.STREAMING) and not waits_for_us
        return listening and now - self._watch.heard_at > self._services.idle_timeout_s

    def _end_idle(self) -> None:
        if self._state is SessionState.STREAMING:
            # What was said is locked first; `_finished` closes.
            self._watch.ends_with = IdleTimeout()
            self._run(Stop())
        else:
            self._fail(IdleTimeout())

    def restart(self) -> None:
        """The gateway is shutting down."""
        self._fail(Restarting())


@dataclass(slots=True)
class _Watch:
    """What is remembered of a connection to judge it by."""

    heard_at: float
    reason: str = CLIENT_LEFT
    stray_frames: bool = False
    ends_with: VoxshardError | None = None

    def __post_init__(self) -> None:
        self.stall = StallWatch()

    def first_stray_frame(self) -> bool:
        first, self.stray_frames = not self.stray_frames, True
        return first


class _SessionNames:
    """Ids of the sessions of one connection: ID, ID-2, ID-3."""

    def __init__(self, base: str | None = None) -> None:
        self._base = base or new_session_id()
        self._number = 1

    @property
    def next_id(self) -> str:
        return following_session_id(self._base, self._number)

    def taken(self) -> None:
        self._number += 1


def _requested_id(request: Request) -> str | None:
    text = request.query.get("session_id", request.header("x-session-id"))
    return None if text is None else checked_session_id(text)
