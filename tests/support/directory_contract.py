"""What every directory has to do, as checks on an empty one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from common.registry.base import Directory, Listing
from tests.support.directories import ADA, BOB, gateway_record

SOON_S: Final = 0.2
LONG_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Contract:
    """`directory`: a new one on the same records; `expire`: wait until what is not renewed has run out."""

    directory: Callable[[], Directory]
    expire: Callable[[], Awaitable[None]]
    clear: Callable[[], Awaitable[None]]


def sorted_by_id(listing: Listing) -> Listing:
    def by_id(records: Sequence[Any]) -> list[Any]:
        return sorted(records, key=lambda record: str(record.id))

    return Listing(by_id(listing.workers), by_id(listing.gateways))


async def an_empty_one_has_nobody(contract: Contract) -> None:
    assert await contract.directory().look() == Listing([], [])


async def whoever_is_announced_is_seen_by_all_as_announced(contract: Contract) -> None:
    one, other = contract.directory(), contract.directory()
    await one.announce(ADA)
    await one.announce(gateway_record("b:0"))
    await other.announce(BOB)
    seen = Listing([ADA, BOB], [gateway_record("b:0")])
    assert sorted_by_id(await one.look()) == sorted_by_id(await other.look()) == seen


async def the_newest_of_an_id_is_seen(contract: Contract) -> None:
    directory = contract.directory()
    for sessions in (1, 2):
        await directory.announce(gateway_record("b:0", sessions=sessions))
    assert (await directory.look()).gateways == [gateway_record("b:0", sessions=2)]


async def who_withdraws_is_gone_at_once(contract: Contract) -> None:
    directory = contract.directory()
    for record in (ADA, BOB):
        await directory.announce(record)
    for _ in range(2):
        await directory.withdraw(ADA)
    assert (await directory.look()).workers == [BOB]


async def who_is_not_heard_of_runs_out_and_may_come_back(contract: Contract) -> None:
    directory = contract.directory()
    await directory.announce(ADA)
    await contract.expire()
    assert await directory.look() == Listing([], [])
    await directory.announce(ADA)
    assert (await directory.look()).workers == [ADA]


async def an_emptied_one_is_filled_by_announcements(contract: Contract) -> None:
    directory = contract.directory()
    await directory.announce(ADA)
    await contract.clear()
    assert (await directory.look()).workers == []
    await directory.announce(ADA)
    assert (await directory.look()).workers == [ADA]


async def changes_of_workers_are_told(contract: Contract) -> None:
    one, other = contract.directory(), contract.directory()
    await other.changed(LONG_S)
    again = msgspec.structs.replace(ADA, incarnation="second")
    for change in (one.announce(ADA), one.announce(again), one.withdraw(again)):
        told = asyncio.create_task(other.changed(LONG_S))
        await change
        async with asyncio.timeout(LONG_S / 2):
            await told


async def what_changed_before_one_listens_again_is_told(contract: Contract) -> None:
    one, other = contract.directory(), contract.directory()
    await other.changed(LONG_S)
    await one.announce(ADA)
    async with asyncio.timeout(LONG_S / 2):
        await other.changed(LONG_S)


async def heartbeats_and_gateways_are_no_news(contract: Contract) -> None:
    one, other = contract.directory(), contract.directory()
    await one.announce(ADA)
    await other.changed(LONG_S)
    # Behind an answer of Redis its own word that it listens is there, and what came before: both are read.
    await other.look()
    await other.changed(SOON_S)
    for record in (ADA, ADA, gateway_record("b:0")):
        await one.announce(record)
    began = asyncio.get_running_loop().time()
    await other.changed(SOON_S)
    assert asyncio.get_running_loop().time() - began >= SOON_S * 0.9


Check = Callable[[Contract], Coroutine[Any, Any, None]]

CHECKS: Final[Sequence[Check]] = (
    an_empty_one_has_nobody,
    whoever_is_announced_is_seen_by_all_as_announced,
    the_newest_of_an_id_is_seen,
    who_withdraws_is_gone_at_once,
    who_is_not_heard_of_runs_out_and_may_come_back,
    an_emptied_one_is_filled_by_announcements,
    changes_of_workers_are_told,
    what_changed_before_one_listens_again_is_told,
    heartbeats_and_gateways_are_no_news,
)
