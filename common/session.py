"""The life of a session, for every dialect: which command is allowed when. No I/O, no clock.

A connection carries sessions one after another: IDLE until START or RESUME, OPENING until a worker has it,
STREAMING until STOP, FINISHING until everything is locked and said, then IDLE again. Commands that come while
a session opens or finishes are held back. What the table does not allow is a documented error.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from common.errors import AlreadyStarted, NotStarted, StopWithoutStart, VoxshardError
from common.events import (
    Audio,
    Command,
    Commit,
    Configure,
    KeepAlive,
    Resume,
    Resumed,
    Start,
    Started,
    Stop,
    Stopped,
)


class SessionState(Enum):
    IDLE = "idle"
    OPENING = "opening"
    STREAMING = "streaming"
    FINISHING = "finishing"
    CLOSED = "closed"


Step = Command | Started | Resumed | Stopped
"""What moves a session on: a command of the client, or word from the worker that it has begun or ended."""

TRANSITIONS: Final[dict[SessionState, dict[type[Step], SessionState]]] = {
    SessionState.IDLE: {
        Start: SessionState.OPENING,
        Resume: SessionState.OPENING,
        Configure: SessionState.IDLE,
        KeepAlive: SessionState.IDLE,
    },
    SessionState.OPENING: {
        Started: SessionState.STREAMING,
        Resumed: SessionState.STREAMING,
        # Resumed, but it had ended already.
        Stopped: SessionState.IDLE,
    },
    SessionState.STREAMING: {
        Configure: SessionState.STREAMING,
        Audio: SessionState.STREAMING,
        Commit: SessionState.STREAMING,
        KeepAlive: SessionState.STREAMING,
        Stop: SessionState.FINISHING,
    },
    SessionState.FINISHING: {Stopped: SessionState.IDLE},
    SessionState.CLOSED: {},
}

# A client need not wait for `started` or `stopped` before it sends on; what it sends counts from then.
HOLDING: Final = frozenset({SessionState.OPENING, SessionState.FINISHING})

_REFUSALS: Final[dict[SessionState, dict[type[Step], type[VoxshardError]]]] = {
    SessionState.IDLE: {Audio: NotStarted, Commit: NotStarted, Stop: StopWithoutStart},
    SessionState.STREAMING: {Start: AlreadyStarted, Resume: AlreadyStarted},
}


def next_state(state: SessionState, step: Step) -> SessionState:
    """State after `step`. Raises the documented error where the table does not allow it."""
    following = TRANSITIONS[state].get(type(step))
    if following is None:
        refusal = _REFUSALS.get(state, {}).get(type(step))
        if refusal is None:
            raise ValueError(f"{type(step).__name__} must not be offered while {state.name}")
        raise refusal()
    return following
