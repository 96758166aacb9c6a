"""What every table of use has to do, as checks on an empty one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from gateway.access.tenants import Tenant
from gateway.quotas.base import Share, Use, UseTable

ADA: Final = "ada"
BOB: Final = "bob"
TENANT: Final = Tenant("acme", streams=5, audio_seconds_per_minute=6_000)
# Of these the bucket fills by 0.1 s in a ms, so that what a check takes is less than what it compares.
NEAR_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Contract:
    """`table` of an owner; `expire`: wait until what is not told again has run out."""

    table: Callable[[str], UseTable]
    expire: Callable[[], Awaitable[None]]
    clear: Callable[[], Awaitable[None]]

    async def streams(self, owner: str, inside: int, wanted: int, tenant: Tenant = TENANT) -> tuple[int, int]:
        """Granted, and elsewhere."""
        [share] = await self.table(owner).exchange([Use(tenant, inside, wanted, 0.0, None)])
        return share.granted, share.elsewhere

    async def audio(self, owner: str, left_s: float, heard_s: float | None, tenant: Tenant = TENANT) -> float:
        [share] = await self.table(owner).exchange([Use(tenant, 0, 0, left_s, heard_s)])
        return share.left_s


def near(seconds: float) -> Any:
    """That, or a little more, since it fills."""
    return pytest.approx(seconds + NEAR_S / 2, abs=NEAR_S / 2)


async def nothing_asked_is_answered(contract: Contract) -> None:
    assert await contract.table(ADA).exchange([]) == []


async def no_more_are_granted_than_the_quota(contract: Contract) -> None:
    assert await contract.streams(ADA, 0, 3) == (3, 0)
    assert await contract.streams(BOB, 0, 3) == (2, 3)
    assert await contract.streams(ADA, 3, 1) == (0, 2)


async def what_is_not_inside_any_more_is_there_for_others(contract: Contract) -> None:
    assert await contract.streams(ADA, 0, 5) == (5, 0)
    assert await contract.streams(ADA, 4, 0) == (0, 0)
    assert await contract.streams(BOB, 0, 5) == (1, 4)
    assert await contract.streams(ADA, 0, 0) == (0, 1)
    assert await contract.streams(BOB, 1, 5) == (4, 0)


async def told_twice_counts_once(contract: Contract) -> None:
    for _ in range(2):
        assert await contract.streams(ADA, 0, 3) == (3, 0)
    assert await contract.streams(BOB, 0, 5) == (2, 3)


async def more_than_the_quota_may_be_told_and_then_nothing_is_granted(contract: Contract) -> None:
    assert await contract.streams(ADA, 4, 0) == (0, 0)
    assert await contract.streams(BOB, 4, 1) == (0, 4)
    assert await contract.streams(ADA, 4, 1) == (0, 4)
    assert await contract.streams(BOB, 0, 0) == (0, 4)
    assert await contract.streams(ADA, 4, 2) == (1, 0)


async def streams_that_are_not_told_again_run_out(contract: Contract) -> None:
    assert await contract.streams(ADA, 0, 5) == (5, 0)
    await contract.expire()
    assert await contract.streams(BOB, 0, 5) == (5, 0)
    assert await contract.streams(ADA, 5, 1) == (0, 5)


async def an_emptied_table_is_filled_again(contract: Contract) -> None:
    assert await contract.streams(ADA, 0, 5) == (5, 0)
    await contract.clear()
    assert await contract.streams(ADA, 5, 0) == (0, 0)
    assert await contract.streams(BOB, 0, 1) == (0, 5)


async def another_quota_counts_at_once(contract: Contract) -> None:
    assert await contract.streams(ADA, 0, 5) == (5, 0)
    assert await contract.streams(BOB, 0, 9, Tenant("acme", streams=7)) == (2, 5)
    assert await contract.streams(BOB, 2, 1, Tenant("acme", streams=1)) == (0, 5)


async def without_a_quota_everything_is_granted(contract: Contract) -> None:
    free = Tenant("free")
    assert await contract.table(ADA).exchange([Use(free, 100, 100, 0.0, 5.0)]) == [Share(100, 0, 0.0)]


async def audio_is_one_bucket_for_all(contract: Contract) -> None:
    assert await contract.audio(ADA, 6_000, None) == near(5_700)
    assert await contract.audio(ADA, 4_000, 2_000) == near(4_000)
    assert await contract.audio(BOB, 6_000, None) == near(4_000)
    assert await contract.audio(BOB, 3_000, 1_000) == near(3_000)
    assert await contract.audio(ADA, 3_500, 500) == near(2_500)


async def more_audio_than_was_left_is_owed(contract: Contract) -> None:
    await contract.audio(ADA, 1_000, None)
    assert await contract.audio(BOB, 0, 3_000) == near(-2_000)


async def who_has_counted_alone_brings_no_more_than_it_believes_to_be_left(contract: Contract) -> None:
    await contract.audio(ADA, 3_000, None)
    assert await contract.audio(BOB, 2_000, None) == near(2_000)
    assert await contract.audio(ADA, 4_000, None) == near(2_000)


async def an_emptied_bucket_holds_what_is_believed(contract: Contract) -> None:
    await contract.audio(ADA, 6_000, None)
    await contract.clear()
    assert await contract.audio(ADA, 2_000, 1_000) == near(2_000)


async def a_bucket_is_never_more_than_full(contract: Contract) -> None:
    await contract.audio(ADA, 6_000, None)
    smaller = Tenant("acme", audio_seconds_per_minute=600)
    assert await contract.audio(ADA, 600, 0.0, smaller) == 600


async def a_bucket_fills(contract: Contract) -> None:
    quick = Tenant("acme", audio_seconds_per_minute=60_000_000)
    await contract.audio(ADA, 0.0, None, quick)
    await contract.expire()
    assert await contract.audio(ADA, 0.0, 0.0, quick) > 100_000


async def tenants_do_not_mix(contract: Contract) -> None:
    small = Tenant("small", streams=1, audio_seconds_per_minute=1_000)
    uses = [
        Use(TENANT, 0, 2, 6_000, None),
        Use(small, 0, 2, 1_000, None),
        Use(Tenant("free"), 0, 2, 0.0, None),
    ]
    assert await contract.table(ADA).exchange(uses) == [
        Share(2, 0, 6_000),
        Share(1, 0, 1_000),
        Share(2, 0, 0),
    ]
    assert await contract.streams(BOB, 0, 9, small) == (0, 1)


Check = Callable[[Contract], Coroutine[Any, Any, None]]

# They wait until something has run out; for all others nothing should.
TIMED: Final[Sequence[Check]] = (streams_that_are_not_told_again_run_out, a_bucket_fills)
CHECKS: Final[Sequence[Check]] = (
    *TIMED,
    nothing_asked_is_answered,
    no_more_are_granted_than_the_quota,
    what_is_not_inside_any_more_is_there_for_others,
    told_twice_counts_once,
    more_than_the_quota_may_be_told_and_then_nothing_is_granted,
    an_emptied_table_is_filled_again,
    another_quota_counts_at_once,
    without_a_quota_everything_is_granted,
    audio_is_one_bucket_for_all,
    more_audio_than_was_left_is_owed,
    who_has_counted_alone_brings_no_more_than_it_believes_to_be_left,
    an_emptied_bucket_holds_what_is_believed,
    a_bucket_is_never_more_than_full,
    tenants_do_not_mix,
)
