from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.capacity import expected_speakers, has_room, retry_after_s


@pytest.mark.parametrize(
    ("sessions", "engaged", "speakers"),
    [(0, 0, 0), (3, 3, 3), (4, 3, 4), (8, 0, 2), (9, 1, 3), (10, 1, 4), (2, 3, 3)],
)
def test_of_the_quiet_ones_a_quarter_counts(sessions: int, engaged: int, speakers: int) -> None:
    assert expected_speakers(sessions, engaged) == speakers


@given(st.integers(0, 500), st.integers(0, 500))
def test_who_falls_silent_makes_room_but_never_all_of_it(quiet: int, engaged: int) -> None:
    sessions = quiet + engaged
    assert engaged <= expected_speakers(sessions, engaged) <= sessions
    assert sessions <= 4 * expected_speakers(sessions, engaged)


def test_there_is_room_below_the_limit_and_always_without_one() -> None:
    assert has_room(3, 4) and not has_room(4, 4)
    assert has_room(10_000, None)


def test_sessions_refused_together_come_back_one_by_one() -> None:
    times = [retry_after_s(f"{number:016x}") for number in range(500)]
    assert min(times) >= 2 and max(times) <= 6
    assert all(100 <= sum(second <= time < second + 1 for time in times) <= 150 for second in (2, 3, 4, 5))
    assert retry_after_s("call") == retry_after_s("call")
