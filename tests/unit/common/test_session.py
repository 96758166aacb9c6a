from __future__ import annotations

from itertools import product
from typing import Final

import pytest

from common.errors import AlreadyStarted, NotStarted, StopWithoutStart, VoxshardError
from common.events import (
    Audio,
    Commit,
    Configure,
    KeepAlive,
    Resume,
    Resumed,
    ResumeGrant,
    SessionOptions,
    Start,
    Started,
    Stop,
    Stopped,
)
from common.session import HOLDING, TRANSITIONS, SessionState, Step, next_state

GRANT: Final = ResumeGrant("token", 120)
STEPS: Final[dict[str, Step]] = {
    "start": Start(),
    "resume": Resume("token"),
    "configure": Configure(SessionOptions(), "language_set"),
    "audio": Audio(b"\0\0"),
    "commit": Commit(),
    "keepalive": KeepAlive(),
    "stop": Stop(),
    "started": Started("id", "0", GRANT),
    "resumed": Resumed("id", "0", GRANT, 0, ()),
    "stopped": Stopped(0),
}
ALLOWED: Final = {
    ("idle", "start"): "opening",
    ("idle", "resume"): "opening",
    ("idle", "configure"): "idle",
    ("idle", "keepalive"): "idle",
    ("opening", "started"): "streaming",
    ("opening", "resumed"): "streaming",
    ("opening", "stopped"): "idle",
    ("streaming", "configure"): "streaming",
    ("streaming", "audio"): "streaming",
    ("streaming", "commit"): "streaming",
    ("streaming", "keepalive"): "streaming",
    ("streaming", "stop"): "finishing",
    ("finishing", "stopped"): "idle",
}
REFUSED: Final[dict[tuple[str, str], type[VoxshardError]]] = {
    ("idle", "audio"): NotStarted,
    ("idle", "commit"): NotStarted,
    ("idle", "stop"): StopWithoutStart,
    ("streaming", "start"): AlreadyStarted,
    ("streaming", "resume"): AlreadyStarted,
}
PAIRS: Final = [(state.value, step) for state, step in product(SessionState, STEPS)]


@pytest.mark.parametrize(("state", "step"), PAIRS)
def test_every_step_in_every_state_is_allowed_refused_or_never_offered(state: str, step: str) -> None:
    if (state, step) in ALLOWED:
        assert next_state(SessionState(state), STEPS[step]).value == ALLOWED[state, step]
        return
    expected = REFUSED.get((state, step), ValueError)
    with pytest.raises(expected) as caught:
        next_state(SessionState(state), STEPS[step])
    assert caught.type is expected


def test_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(SessionState)


def test_what_is_held_back_is_never_a_command() -> None:
    for state in HOLDING:
        assert not {type(STEPS[name]) for name in STEPS if (state.value, name) in ALLOWED} - {
            Started,
            Resumed,
            Stopped,
        }


def test_a_session_that_must_not_be_offered_a_step_says_which() -> None:
    with pytest.raises(ValueError, match="Audio must not be offered while CLOSED"):
        next_state(SessionState.CLOSED, Audio(b""))


def test_sessions_follow_one_another_on_one_connection() -> None:
    state = SessionState.IDLE
    for name in ["start", "started", "audio", "stop", "stopped"] * 2:
        state = next_state(state, STEPS[name])
    assert state is SessionState.IDLE
