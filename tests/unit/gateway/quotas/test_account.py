from __future__ import annotations

import math

import pytest

from common.audio import SAMPLE_RATE
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant
from gateway.quotas.account import START_NEEDS_S, STREAM_RETRY_S, Account

MINUTE = Tenant("acme", audio_seconds_per_minute=60)


def account(tenant: Tenant, inside: int = 0, elsewhere: int = 0) -> Account:
    account = Account(tenant, inside, elsewhere)
    account.update(tenant, 0.0, fills=True)
    return account


def test_room_is_what_neither_this_nor_other_gateways_use() -> None:
    assert account(Tenant("acme"), inside=100).room == math.inf
    assert account(Tenant("acme", streams=5), inside=2, elsewhere=2).room == 1
    assert account(Tenant("acme", streams=1), inside=2).room == -1


def test_one_that_is_full_refuses_whoever_it_is() -> None:
    full = account(Tenant("acme", streams=1), elsewhere=1)
    with pytest.raises(StreamQuota) as refused:
        full.check()
    assert refused.value.retry_after_s == STREAM_RETRY_S
    full.elsewhere = 0
    full.check()


def test_audio_is_taken_or_refused_as_a_whole() -> None:
    one = account(MINUTE)
    one.hear(59 * SAMPLE_RATE)
    with pytest.raises(AudioQuota) as refused:
        one.hear(2 * SAMPLE_RATE)
    assert refused.value.retry_after_s == START_NEEDS_S - 1
    one.hear(SAMPLE_RATE)
    with pytest.raises(AudioQuota):
        one.check()


def test_bucket_fills_only_where_nobody_else_says_what_is_left() -> None:
    for fills, left in ((True, 10), (False, 0)):
        one = account(MINUTE)
        one.hear(60 * SAMPLE_RATE)
        one.update(MINUTE, 10.0, fills=fills)
        assert one.audio is not None and one.audio.level == left


def test_without_a_quota_there_is_no_bucket() -> None:
    one = account(MINUTE)
    one.update(Tenant("acme"), 0.0, fills=True)
    assert one.audio is None
    one.hear(1_000 * SAMPLE_RATE)
