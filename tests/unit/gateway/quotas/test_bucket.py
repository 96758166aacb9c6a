from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.quotas.bucket import TokenBucket


def test_another_size_takes_away_what_has_no_room_and_gives_nothing() -> None:
    bucket = TokenBucket(per_minute=60, level=50, filled_at=0.0)
    bucket.resize(120)
    assert bucket.level == 50
    bucket.resize(30)
    assert (bucket.level, bucket.per_minute) == (30, 30)


def test_what_is_owed_has_to_be_filled_as_well() -> None:
    assert TokenBucket(per_minute=60, level=-3, filled_at=0.0).seconds_until(5) == 8


@given(
    per_minute=st.floats(1, 10_000),
    steps=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 500)), min_size=1, max_size=50),
)
def test_no_span_of_time_lets_through_more_than_a_full_bucket_and_what_it_filled(
    per_minute: float, steps: list[tuple[float, float]]
) -> None:
    """Each step waits, then asks for an amount."""
    bucket, now = TokenBucket(per_minute, per_minute, 0.0), 0.0
    taken: list[tuple[float, float]] = []
    for wait, amount in steps:
        now += wait
        bucket.fill(now)
        until = bucket.seconds_until(amount)
        assert 0 <= bucket.level <= per_minute and until <= 60 + 1e-6
        if bucket.take(amount):
            assert until == 0
            taken.append((now, amount))
        else:
            # Whoever waits as long as is said gets it, unless it is more than there ever is.
            later = TokenBucket(per_minute, bucket.level, now)
            later.fill(now + until + 1e-6)
            assert later.take(min(amount, per_minute) - 1e-6 * per_minute)
    for first, (begin, _) in enumerate(taken):
        for end, _ in taken[first:]:
            heard = sum(amount for at, amount in taken if begin <= at <= end)
            assert heard <= per_minute + (end - begin) * per_minute / 60 + 1e-6 * per_minute + 1e-6
