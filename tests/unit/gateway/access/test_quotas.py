from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import SAMPLE_RATE
from common.errors import AudioQuota, StreamQuota
from gateway.access.quotas import START_NEEDS_S, STREAM_RETRY_S, MemoryQuotas, TokenBucket
from gateway.access.tenants import Tenant
from tests.support.clock import ManualClock

TWO_STREAMS = Tenant("acme", streams=2)
MINUTE = Tenant("acme", audio_seconds_per_minute=60)


def test_no_more_streams_than_the_quota_are_open_at_a_time() -> None:
    quotas = MemoryQuotas(ManualClock())
    quotas.enter(TWO_STREAMS)
    quotas.check(TWO_STREAMS)
    quotas.enter(TWO_STREAMS)
    for refused in (quotas.check, quotas.enter):
        with pytest.raises(StreamQuota) as quota:
            refused(TWO_STREAMS)
        assert quota.value.retry_after_s == STREAM_RETRY_S
    quotas.leave(TWO_STREAMS)
    quotas.enter(TWO_STREAMS)


def test_tenants_do_not_use_up_each_others_quotas() -> None:
    quotas = MemoryQuotas(ManualClock())
    other = Tenant("other", streams=1, audio_seconds_per_minute=60)
    for tenant in (TWO_STREAMS, TWO_STREAMS, other):
        quotas.enter(tenant)
    quotas.hear(MINUTE, 60 * SAMPLE_RATE)
    quotas.hear(other, 60 * SAMPLE_RATE)


def test_who_has_no_quota_may_have_anything() -> None:
    quotas = MemoryQuotas(ManualClock())
    for _ in range(1_000):
        quotas.enter(Tenant("acme"))
        quotas.hear(Tenant("acme"), 1_000 * SAMPLE_RATE)


def test_audio_beyond_the_quota_is_refused_until_there_is_enough_for_a_start() -> None:
    clock = ManualClock()
    quotas = MemoryQuotas(clock)
    quotas.hear(MINUTE, 60 * SAMPLE_RATE)
    with pytest.raises(AudioQuota) as quota:
        quotas.hear(MINUTE, 1)
    assert quota.value.retry_after_s == pytest.approx(START_NEEDS_S)
    clock.advance(START_NEEDS_S - 0.5)
    quotas.hear(MINUTE, 1)
    with pytest.raises(AudioQuota) as quota:
        quotas.enter(MINUTE)
    assert quota.value.retry_after_s == pytest.approx(0.5, abs=1e-3)
    clock.advance(0.6)
    quotas.enter(MINUTE)


def test_refused_stream_does_not_count() -> None:
    clock = ManualClock()
    quotas = MemoryQuotas(clock)
    both = Tenant("acme", streams=1, audio_seconds_per_minute=60)
    quotas.hear(both, 60 * SAMPLE_RATE)
    with pytest.raises(AudioQuota):
        quotas.enter(both)
    clock.advance(60)
    quotas.enter(both)


def test_quota_smaller_than_a_start_needs_can_be_used_all_the_same() -> None:
    clock = ManualClock()
    quotas = MemoryQuotas(clock)
    small = Tenant("acme", audio_seconds_per_minute=2)
    quotas.enter(small)
    quotas.hear(small, 2 * SAMPLE_RATE)
    with pytest.raises(AudioQuota) as quota:
        quotas.enter(small)
    assert quota.value.retry_after_s == pytest.approx(60)
    clock.advance(60)
    quotas.enter(small)


@pytest.mark.parametrize(("before", "after", "left"), [(60, 30, 30), (60, 120, 60)])
def test_another_quota_counts_at_once(before: float, after: float, left: float) -> None:
    clock = ManualClock()
    quotas = MemoryQuotas(clock)
    quotas.hear(Tenant("acme", audio_seconds_per_minute=before), 0)
    changed = Tenant("acme", audio_seconds_per_minute=after)
    quotas.hear(changed, round(left * SAMPLE_RATE))
    with pytest.raises(AudioQuota):
        quotas.hear(changed, SAMPLE_RATE)


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
