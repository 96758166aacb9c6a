from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.backoff import Backoff


def steady(first_s: float = 0.1, limit_s: float = 5.0) -> Backoff:
    return Backoff(first_s, limit_s, random=lambda: 0.0)


def test_delays_double_up_to_the_limit_and_stay_there() -> None:
    backoff = steady(first_s=1.0, limit_s=5.0)
    assert [backoff.next_delay_s() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_reset_begins_with_the_first_delay_again() -> None:
    backoff = steady()
    for _ in range(4):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 0.1


def test_jitter_takes_its_share_of_the_delay() -> None:
    assert Backoff(1.0, 5.0, jitter=0.3, random=lambda: 1.0).next_delay_s() == 0.7


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_limit_is_a_bound_whatever_chance_says(chances: list[float]) -> None:
    drawn = iter(chances)
    backoff = Backoff(0.1, 5.0, jitter=0.3, random=lambda: next(drawn))
    for attempt in range(len(chances)):
        whole = min(5.0, 0.1 * 2**attempt)
        assert 0.7 * whole - 1e-9 <= backoff.next_delay_s() <= whole


def test_years_of_attempts_do_not_overflow() -> None:
    backoff = steady()
    assert {backoff.next_delay_s() for _ in range(5_000)} == {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0}
