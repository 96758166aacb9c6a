"""One client connection: its socket, its dialect, and the session that it feeds.

The session's life is the table of `common.session`. While a session finishes, later messages are held back;
while a worker gives no credit, the socket is not read, and the client is slowed by its own send buffer.
"""

from __future__ import annotations

from typing import Final, assert_never

from websockets.frames import CloseCode

from common.errors import (
    BY_CODE,
    REFUSALS,
    AudioQuota,
    IdleTimeout,
    InternalError,
    NotStarted,
    Restarting,
    SessionResumed,
    SlowReader,
    StopWithoutStart,
    VoxshardError,
    WorkerLost,
)
from common.events import (
    Audio,
    Command,
    Commit,
    Configure,
    Configured,
    Event,
    Failed,
    KeepAlive,
    Resume,
    Resumed,
    SessionOptions,
    Start,
    Stop,
    Stopped,
    failure,
)
from common.session import HOLDING, SessionState, next_state
from gateway.access.doors import Allowance
from gateway.client_side import ClientSide
from gateway.dialects.start_stop import StartStopDialect
from gateway.intake import Intake, requested_id, requested_options
from gateway.limits_watch import LimitsWatch
from gateway.live_services import LiveServices
from gateway.session_desk import SessionDesk
from gateway.session_log import Order
from gateway.websocket import Connection, Request

CLIENT_LEFT: Final = "client"
STOPPED: Final = "stopped"


class LiveConnection:
    """Handler of one WebSocket, listener of one session after another."""

    def __init__(self, services: LiveServices, allowance: Allowance) -> None:
        self._services = services
        self._state = SessionState.IDLE
        self._client = ClientSide(StartStopDialect(services.options), services.metrics)
        self._intake = Intake()
        now = services.clock.now()
        self._watch = LimitsWatch(services.limits, heard_at=now, turned_at=now)
        self._desk = SessionDesk(services, allowance)
        self._reading = True
        self._reason = CLIENT_LEFT
        # Set when the gateway has stopped a session for the client: why the connection ends after it.
        self._ends_with: VoxshardError | None = None

    # --- Handler -------------------------------------------------------------------------------

    def connected(self, connection: Connection, request: Request) -> None:
        self._client.connected(connection)
        self._services.sessions.joined(self)
        try:
            dialect = self._client.dialect
            self._desk.introduce(requested_id(request), dialect.name, request.header("traceparent") or "")
            dialect.options = requested_options(request, dialect.options)
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
        self._client.flush()

    def closed(self, code: int) -> None:
        self._services.metrics.closed(code, self._reason)
        self._state = SessionState.CLOSED
        self._desk.end(self._reason)
        self._services.sessions.left(self)

    # --- from the client -----------------------------------------------------------------------

    def _receive(self, message: str | bytes) -> None:
        self._watch.heard_at = self._services.clock.now()
        if self._state in HOLDING:
            self._intake.hold(message)
        elif self._state is not SessionState.CLOSED:
            self._obey(message)

    def _obey(self, message: str | bytes) -> None:
        try:
            self._run(self._parse(message))
        except AudioQuota as error:
            self._end_with(error)
        except VoxshardError as error:
            stray_frame = isinstance(error, NotStarted) and isinstance(message, bytes)
            # One error for a run of frames outside a session, not one for each of hundreds.
            if not stray_frame or self._intake.first_stray_frame():
                self._fail(error)
            if isinstance(error, StopWithoutStart):
                self._say(Stopped(heard=0))

    def _parse(self, message: str | bytes) -> Command:
        if isinstance(message, str):
            return self._client.dialect.parse_text(message)
        if self._state is SessionState.IDLE:
            raise NotStarted()
        return self._client.dialect.parse_binary(message)

    def _run(self, command: Command) -> None:
        following = next_state(self._state, command)
        match command:
            case Start() | Resume():
                self._desk.begin(self, command, self._client.dialect.options)
                self._intake.session_begins()
                self._watch.turned_at = self._services.clock.now()
            case Configure(options, changed):
                self._configure(options, changed)
            case Audio(pcm):
                self._desk.audio(pcm)
            case Commit():
                self._desk.order(Order.COMMIT)
            case Stop():
                self._desk.order(Order.STOP)
            case KeepAlive():
                pass
            case _:
                assert_never(command)
        if self._state is not SessionState.CLOSED:
            self._state = following
            self._read_or_wait()

    def _configure(self, options: SessionOptions, changed: str) -> None:
        if self._desk.running is not None:
            self._desk.running.configure(options)
        self._say(Configured(options, changed))

    def _read_or_wait(self) -> None:
        """Nothing is read of a client whose session opens, finishes, or has more than its worker can take."""
        full = self._desk.running is not None and self._desk.running.full
        self._reading = not full and self._state not in HOLDING
        self._client.set_reading(self._reading)

    # --- RelayListener -----------------------------------------------------------------------

    def opened(self) -> None:
        greeting = self._desk.greeting()
        if isinstance(greeting, Resumed):
            self._client.dialect.options = self._desk.session.record.head.options
        self._say(greeting)
        if not isinstance(greeting, Resumed) or greeting.heard is None:
            self._state = next_state(self._state, greeting)
            self._obey_held()

    def moves(self, why: str, worker: str, unsettled: int) -> None:
        """Clients hear of it when another worker has the session."""

    def flows(self) -> None:
        if not self._reading:
            # A client that was not read from could not be heard.
            self._watch.heard_at = self._services.clock.now()
        self._read_or_wait()

    def event(self, event: Event) -> None:
        if isinstance(event, Failed):
            error = BY_CODE.get(event.code, InternalError)()
            self._desk.lose(error.code)
            self._fail(error, said=event)
            return
        self._say(event)
        self._desk.told(event)
        if isinstance(event, Stopped):
            self._finished(event)

    def given_up(self) -> None:
        self._desk.lose(WorkerLost.code)
        self._fail(WorkerLost())

    def broken(self) -> None:
        self._desk.lose(InternalError.code)
        self._close(CloseCode.INTERNAL_ERROR, InternalError.code)

    def _finished(self, stopped: Stopped) -> None:
        """All is said: idle again, and whatever the client sent in the meantime counts now."""
        self._desk.end(STOPPED if self._ends_with is None else self._ends_with.code)
        self._watch.heard_at = self._watch.turned_at = self._services.clock.now()
        if self._state is not SessionState.CLOSED:
            self._state = next_state(self._state, stopped)
        if self._ends_with is not None:
            self._fail(self._ends_with)
            return
        self._read_or_wait()
        self._obey_held()

    def _obey_held(self) -> None:
        for message in self._intake.release():
            self._receive(message)

    # --- errors --------------------------------------------------------------------------------

    def _fail(self, error: VoxshardError, said: Failed | None = None) -> None:
        """Say what is wrong; close as well if the session cannot outlive it."""
        if isinstance(error, REFUSALS):
            self._services.metrics.rejected(error.code)
        self._say(said or failure(error))
        if error.close_code is not None:
            self._close(error.close_code, error.code)

    def _say(self, event: Event) -> None:
        try:
            self._client.say(event)
        except SlowReader as error:
            self._close(error.close_code or CloseCode.POLICY_VIOLATION, error.code)

    def _close(self, code: int, reason: str) -> None:
        if self._state is not SessionState.CLOSED:
            self._reason = reason
            self._desk.end(reason)
            self._state = SessionState.CLOSED
            self._client.close(code, reason)

    # --- limits --------------------------------------------------------------------------------

    def check_limits(self, now: float) -> None:
        """Called a few times a second: ends a connection that does not read, or that takes too long."""
        if self._state is SessionState.CLOSED:
            return
        if self._desk.running is not None:
            self._desk.running.check(now)
        if self._client.stalled_s(now) > self._services.slow_reader_timeout_s:
            self._fail(SlowReader())
        elif (overdue := self._watch.overdue(self._state, now, reading=self._reading)) is not None:
            self._too_late(overdue)

    def _too_late(self, error: VoxshardError) -> None:
        if isinstance(error, IdleTimeout) and not self._client.answers:
            # Not stopped: as after any other loss of a connection, its client may come back to it.
            self._fail(error)
        else:
            self._end_with(error)

    def _end_with(self, error: VoxshardError) -> None:
        """End the connection; what was said is locked first, and then `_finished` closes."""
        if self._state in (SessionState.STREAMING, SessionState.FINISHING):
            self._ends_with = error
        if self._state is SessionState.STREAMING:
            self._run(Stop())
        elif self._state is not SessionState.FINISHING:
            self._fail(error)

    @property
    def tenant(self) -> str:
        return self._desk.tenant

    # --- leaving -------------------------------------------------------------------------------

    @property
    def at_rest(self) -> bool:
        if self._state is SessionState.STREAMING:
            return self._desk.session.at_rest
        return self._state is SessionState.IDLE

    def come_to_rest(self) -> None:
        # Whoever speaks may not have been heard yet.
        if self._state is SessionState.STREAMING and self._desk.session.unsettled:
            self._desk.order(Order.COMMIT)

    def leave(self) -> None:
        self._fail(Restarting())

    def resumed_elsewhere(self) -> None:
        self._fail(SessionResumed())
