from __future__ import annotations

import pytest

from common.session import SessionState
from gateway.limits_watch import LimitsWatch, TimeLimits

LIMITS = TimeLimits(idle_s=60, start_s=600, session_s=14_400)
IDLE, STREAMING = SessionState.IDLE, SessionState.STREAMING


def code(state: SessionState, *, silent_s: float, in_state_s: float, reading: bool = True) -> str | None:
    """Of the error that is due."""
    watch = LimitsWatch(LIMITS, heard_at=100_000 - silent_s, turned_at=100_000 - in_state_s)
    error = watch.overdue(state, 100_000, reading=reading)
    return None if error is None else error.code


@pytest.mark.parametrize(
    ("state", "silent_s", "in_state_s", "expected"),
    [
        (IDLE, 60, 600, None),
        (IDLE, 61, 599, "idle_timeout"),
        (IDLE, 1, 601, "start_timeout"),
        (IDLE, 61, 601, "start_timeout"),
        (STREAMING, 60, 14_400, None),
        (STREAMING, 61, 14_399, "idle_timeout"),
        (STREAMING, 1, 601, None),
        (STREAMING, 1, 14_401, "session_too_long"),
        (STREAMING, 61, 14_401, "session_too_long"),
    ],
)
def test_each_state_has_its_limits(
    state: SessionState, silent_s: float, in_state_s: float, expected: str | None
) -> None:
    assert code(state, silent_s=silent_s, in_state_s=in_state_s) == expected


@pytest.mark.parametrize("state", [state for state in SessionState if state not in {IDLE, STREAMING}])
def test_while_the_server_is_busy_with_a_session_its_client_is_waited_for(state: SessionState) -> None:
    assert code(state, silent_s=20_000, in_state_s=20_000) is None


def test_who_is_not_read_from_is_not_blamed_for_silence_but_for_a_long_session() -> None:
    assert code(STREAMING, silent_s=61, in_state_s=100, reading=False) is None
    assert code(STREAMING, silent_s=61, in_state_s=14_401, reading=False) == "session_too_long"
