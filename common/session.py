"""The life of a session, for every dialect: which command is allowed when. No I/O, no clock.

A connection carries sessions one after another: IDLE until START, STREAMING until STOP, FINISHING until
everything is locked and said, then IDLE again. What a table does not allow is a documented error.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from common.errors import AlreadyStarted, NotStarted, StopWithoutStart, VoxshardError
from common.events import Audio, Command, Commit, Configure, KeepAlive, Start, Stop


class SessionState(Enum):
    IDLE = "idle"
    STREAMING = "streaming"
    FINISHING = "finishing"
    CLOSED = "closed"


TRANSITIONS: Final[dict[SessionState, dict[type[Command], SessionState]]] = {
    SessionState.IDLE: {
        Start: SessionState.STREAMING,
        Configure: SessionState.IDLE,
        KeepAlive: SessionState.IDLE,
    },
    SessionState.STREAMING: {
        Configure: SessionState.STREAMING,
        Audio: SessionState.STREAMING,
        Commit: SessionState.STREAMING,
        KeepAlive: SessionState.STREAMING,
        Stop: SessionState.FINISHING,
    },
    # The next commands of a client that does not wait for `stopped` are held back until it was sent.
    SessionState.FINISHING: {},
    SessionState.CLOSED: {},
}

_REFUSALS: Final[dict[SessionState, dict[type[Command], type[VoxshardError]]]] = {
    SessionState.IDLE: {Audio: NotStarted, Commit: NotStarted, Stop: StopWithoutStart},
    SessionState.STREAMING: {Start: AlreadyStarted},
}


def next_state(state: SessionState, command: Command) -> SessionState:
    """State after `command`. Raises the documented error where the table does not allow it."""
    following = TRANSITIONS[state].get(type(command))
    if following is None:
        refusal = _REFUSALS.get(state, {}).get(type(command))
        if refusal is None:
            raise ValueError(f"{type(command).__name__} must not be offered while {state.name}")
        raise refusal()
    return following
