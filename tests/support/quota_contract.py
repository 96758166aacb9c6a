"""What all quotas of a gateway have to do, as checks on new ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from common.audio import seconds_to_samples
from common.errors import AudioQuota, StreamQuota, VoxshardError
from gateway.access.tenants import Tenant
from gateway.quotas.account import START_NEEDS_S, STREAM_RETRY_S
from gateway.quotas.base import Quotas
from tests.support.clock import ManualClock
from tests.support.use_tables import Guest

TWO_STREAMS: Final = Tenant("acme", streams=2)
MINUTE: Final = Tenant("acme", audio_seconds_per_minute=60)
BOTH: Final = Tenant("acme", streams=1, audio_seconds_per_minute=60)


@dataclass(frozen=True, slots=True)
class Contract:
    """`settle`: whatever is done beside is done."""

    quotas: Quotas
    clock: ManualClock
    settle: Callable[[], Awaitable[None]]

    async def enter(self, tenant: Tenant) -> Guest:
        guest = Guest()
        if not self.quotas.enter(tenant, guest):
            await self.settle()
            assert guest.told == [True]
        return guest

    async def refuses(self, error: type[VoxshardError], tenant: Tenant) -> float:
        """One more stream, at the upgrade as well as at START; its `retry_after_s`."""
        await self.settle()
        with pytest.raises(error) as refused:
            self.quotas.check(tenant)
        assert refused.value.retry_after_s is not None
        guest = Guest()
        try:
            entered = self.quotas.enter(tenant, guest)
        except error:
            return refused.value.retry_after_s
        assert not entered
        await self.settle()
        assert guest.told == [error.code]
        return refused.value.retry_after_s

    async def hear(self, tenant: Tenant, seconds: float) -> None:
        self.quotas.hear(tenant, seconds_to_samples(seconds))
        await self.settle()

    async def is_too_much(self, tenant: Tenant, seconds: float) -> float:
        with pytest.raises(AudioQuota) as refused:
            await self.hear(tenant, seconds)
        assert refused.value.retry_after_s is not None
        return refused.value.retry_after_s

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()


async def no_more_streams_than_the_quota_are_open_at_a_time(contract: Contract) -> None:
    first = await contract.enter(TWO_STREAMS)
    contract.quotas.check(TWO_STREAMS)
    await contract.enter(TWO_STREAMS)
    assert await contract.refuses(StreamQuota, TWO_STREAMS) == STREAM_RETRY_S
    contract.quotas.leave(TWO_STREAMS, first)
    await contract.enter(TWO_STREAMS)


async def who_was_let_in_before_is_not_refused_and_counts(contract: Contract) -> None:
    inside = [await contract.enter(TWO_STREAMS) for _ in range(2)]
    contract.quotas.readmit(TWO_STREAMS)
    for guest in inside:
        await contract.refuses(StreamQuota, TWO_STREAMS)
        contract.quotas.leave(TWO_STREAMS, guest)
    await contract.enter(TWO_STREAMS)
    await contract.refuses(StreamQuota, TWO_STREAMS)


async def tenants_do_not_use_up_each_others_quotas(contract: Contract) -> None:
    other = Tenant("other", streams=1, audio_seconds_per_minute=60)
    for tenant in (TWO_STREAMS, TWO_STREAMS, other):
        await contract.enter(tenant)
    await contract.hear(MINUTE, 60)
    await contract.hear(other, 60)


async def who_has_no_quota_may_have_anything(contract: Contract) -> None:
    for _ in range(100):
        await contract.enter(Tenant("acme"))
        await contract.hear(Tenant("acme"), 1_000)


async def streams_that_began_without_a_quota_count_as_soon_as_there_is_one(contract: Contract) -> None:
    first, _ = await contract.enter(Tenant("acme")), await contract.enter(Tenant("acme"))
    await contract.hear(TWO_STREAMS, 1)
    await contract.refuses(StreamQuota, TWO_STREAMS)
    contract.quotas.leave(Tenant("acme"), first)
    await contract.enter(TWO_STREAMS)


async def audio_beyond_the_quota_is_refused_until_there_is_enough_for_a_start(contract: Contract) -> None:
    await contract.hear(MINUTE, 60)
    assert await contract.is_too_much(MINUTE, 1) == pytest.approx(START_NEEDS_S)
    await contract.pass_time(START_NEEDS_S - 0.5)
    await contract.hear(MINUTE, 0.01)
    assert await contract.refuses(AudioQuota, MINUTE) == pytest.approx(0.51)
    await contract.pass_time(0.6)
    await contract.enter(MINUTE)


async def a_refused_stream_does_not_count(contract: Contract) -> None:
    await contract.hear(BOTH, 60)
    await contract.refuses(AudioQuota, BOTH)
    await contract.pass_time(60)
    await contract.enter(BOTH)
    await contract.refuses(StreamQuota, BOTH)


async def a_quota_smaller_than_a_start_needs_can_be_used_all_the_same(contract: Contract) -> None:
    small = Tenant("acme", audio_seconds_per_minute=2)
    await contract.enter(small)
    await contract.hear(small, 2)
    assert await contract.refuses(AudioQuota, small) == pytest.approx(60)
    await contract.pass_time(60)
    await contract.enter(small)


async def a_smaller_quota_counts_at_once(contract: Contract) -> None:
    await contract.hear(MINUTE, 0)
    changed = Tenant("acme", audio_seconds_per_minute=30)
    await contract.hear(changed, 30)
    await contract.is_too_much(changed, 1)


async def a_greater_quota_fills_what_is_there(contract: Contract) -> None:
    await contract.hear(MINUTE, 0)
    changed = Tenant("acme", audio_seconds_per_minute=120)
    await contract.hear(changed, 60)
    await contract.is_too_much(changed, 1)


Check = Callable[[Contract], Coroutine[Any, Any, None]]

CHECKS: Final[Sequence[Check]] = (
    no_more_streams_than_the_quota_are_open_at_a_time,
    who_was_let_in_before_is_not_refused_and_counts,
    tenants_do_not_use_up_each_others_quotas,
    who_has_no_quota_may_have_anything,
    streams_that_began_without_a_quota_count_as_soon_as_there_is_one,
    audio_beyond_the_quota_is_refused_until_there_is_enough_for_a_start,
    a_refused_stream_does_not_count,
    a_quota_smaller_than_a_start_needs_can_be_used_all_the_same,
    a_smaller_quota_counts_at_once,
    a_greater_quota_fills_what_is_there,
)
