"""One session as its client knows it, over as many connections as it takes. Pure: no socket, no waiting.

`ask` begins a connection, `next` says what to tell the server on it, `hear` takes its messages, and `lost`
ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from client.failures import (
    StreamError,
    connection_closed,
    protocol_broken,
    resume_gap,
    session_error,
    stopped_early,
)
from client.replay import STOP, Replay, ReplayGap
from client.retry import Retry
from client.view import (
    Acked,
    ErrorEvent,
    Lost,
    Message,
    ProtocolBroken,
    Result,
    Resumed,
    Started,
    Stopped,
    TranscriptView,
    Update,
    decode_message,
)
from common.audio import samples_to_ms
from common.errors import BY_CODE

# The server has dropped a frame, and from there on counts fewer samples than the client.
_UNCOUNTED: Final = "container_audio"


class StreamState(Enum):
    OPENING = "opening"
    STREAMING = "streaming"
    FINISHING = "finishing"
    STOPPED = "stopped"
    FAILED = "failed"


TRANSITIONS: Final[dict[StreamState, frozenset[StreamState]]] = {
    StreamState.OPENING: frozenset({StreamState.STREAMING, StreamState.FAILED}),
    StreamState.STREAMING: frozenset({StreamState.FINISHING, StreamState.FAILED}),
    StreamState.FINISHING: frozenset({StreamState.STOPPED, StreamState.FAILED}),
    StreamState.STOPPED: frozenset(),
    StreamState.FAILED: frozenset(),
}
_ENDED: Final = frozenset({StreamState.STOPPED, StreamState.FAILED})


class Line(Enum):
    """Between the session and a server."""

    AWAY = "away"
    ASKING = "asking"
    """A connection is there, START or RESUME is on its way, and nothing else may be said."""
    CONNECTED = "connected"


LINES: Final[dict[Line, frozenset[Line]]] = {
    Line.AWAY: frozenset({Line.ASKING}),
    Line.ASKING: frozenset({Line.CONNECTED, Line.AWAY}),
    Line.CONNECTED: frozenset({Line.AWAY}),
}


class Session:
    """`commands`: what begins it, START the last of them. `resume`: whether it outlives its connection."""

    def __init__(self, commands: Sequence[str], retry: Retry, *, resume: bool) -> None:
        self.state = StreamState.OPENING
        self.line = Line.AWAY
        self.failure: StreamError | None = None
        self.view = TranscriptView()
        self.replay = Replay()
        self._commands = commands
        self._retry = retry
        self._resume = resume
        self._token: str | None = None
        self._within_s = 0.0
        self._resumed = False
        self._error: ErrorEvent | None = None

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    @property
    def over(self) -> bool:
        """Nothing more is heard on this connection."""
        return self.ended or (self._error is not None and self._error.ends_session)

    # --- what the caller says ------------------------------------------------------------------

    def finish(self) -> None:
        self._move(StreamState.FINISHING)
        self.replay.add(STOP)

    def fail(self, failure: StreamError) -> None:
        """The first cause counts; a session that has ended cannot fail any more."""
        if not self.ended:
            self.failure = failure
            self._move(StreamState.FAILED)

    # --- one connection after another ----------------------------------------------------------

    def ask(self) -> Sequence[str]:
        """There is a connection: what to say on it first."""
        self._switch(Line.ASKING)
        self._error = None
        self.view = self.view.on_new_connection()
        return self._commands if self._token is None else [f"RESUME:{self._token}"]

    def next(self) -> bytes | str | None:
        """What the server has to be told next on this connection, None if there is nothing."""
        return self.replay.next() if self.line is Line.CONNECTED else None

    def hear(self, received: str | bytes) -> Update | None:
        """A message of the server; None once nothing is heard any more."""
        if self.over:
            return None
        try:
            return self._heard(received)
        except ProtocolBroken as broken:
            self.fail(protocol_broken(broken))
        except ReplayGap as gap:
            self.fail(resume_gap(gap.wanted, gap.kept))
        return None

    def closed(self, code: int, reason: str) -> StreamError:
        """Why there was this close: an error event may have said so."""
        error = self._error
        if error is not None and (error.ends_session or error.code == reason):
            known = BY_CODE.get(error.code)
            return session_error(error, known.close_code if known is not None else code)
        return connection_closed(code, reason)

    def lost(self, loss: StreamError) -> tuple[float, Update | None]:
        """The connection is over: seconds until the next is tried, and news for the caller. Raises
        `StreamError` if none is tried."""
        was = self.line
        if was is not Line.AWAY:
            self._switch(Line.AWAY)
        if self._token is None:
            raise loss
        if was is not Line.CONNECTED:
            return self._retry.refused(loss, self._within_s), None
        pause_s = self._retry.lost(loss, self._within_s)
        notice = Lost(loss.code, loss.message)
        return pause_s, Update(notice, msgspec.json.encode(notice).decode(), self.view)

    def _heard(self, received: str | bytes) -> Update:
        if isinstance(received, bytes):
            raise ProtocolBroken("a binary message came")
        message = self._once(decode_message(received))
        self.view = self.view.fold(message)
        self._follow(message)
        return Update(message, received, self.view)

    def _once(self, message: Message) -> Message:
        """A COMMIT that had to be told again is answered again: that is no answer to the caller any more."""
        if isinstance(message, Result) and message.is_final and not self.replay.answered(message.duration_ms):
            return msgspec.structs.replace(message, is_final=False)
        return message

    def _follow(self, message: Message) -> None:
        match message:
            case Started():
                self._move(StreamState.STREAMING)
                self._connect(message)
            case Resumed():
                self._begin_again(message)
            case Result():
                self.replay.settled(message.ack)
            case Acked():
                self.replay.settled(message.ack)
            case Stopped():
                self._stop()
            case ErrorEvent():
                self._blame(message)

    def _connect(self, message: Started | Resumed) -> None:
        self._switch(Line.CONNECTED)
        if self._resume and message.resume_token is not None:
            self._token, self._within_s = message.resume_token, message.resume_within_s
        self.replay.keeps = self._token is not None

    def _begin_again(self, resumed: Resumed) -> None:
        if self._token is None:
            raise ProtocolBroken("`resumed` came although nobody asked")
        self._connect(resumed)
        try:
            self.replay.begin_again(resumed.ack)
        except ValueError as error:
            raise ProtocolBroken(str(error)) from error
        self._resumed = True
        self._retry.resumed()

    def _stop(self) -> None:
        """One that nobody asked for: the server ends the session, and says why in what follows. If that was
        said to a connection that is no more, its last result shows that not all audio was heard."""
        asked = self.state is StreamState.FINISHING and self.replay.stop_told
        whole = self.view.duration_ms >= samples_to_ms(self.replay.end)
        if self._resumed and not (asked and whole):
            self.fail(stopped_early())
        elif asked:
            self._move(StreamState.STOPPED)

    def _blame(self, error: ErrorEvent) -> None:
        self._error = error
        if error.code == _UNCOUNTED:
            self._token, self.replay.keeps = None, False

    # --- tables --------------------------------------------------------------------------------

    def _move(self, state: StreamState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise ProtocolBroken(f"`{state.value}` while {self.state.value}")
        self.state = state

    def _switch(self, line: Line) -> None:
        if line not in LINES[self.line]:
            raise ProtocolBroken(f"`{line.value}` while {self.line.value}")
        self.line = line
