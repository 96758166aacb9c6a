"""What every table of pins has to do, as checks on an empty one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.registry.base import Claim, Pin, PinTable

ADA: Final = "ada"
BOB: Final = "bob"
SESSION: Final = "call"


@dataclass(frozen=True, slots=True)
class Contract:
    """`table` of an owner; `expire`: wait until pins that are not renewed have run out."""

    table: Callable[[str], PinTable]
    expire: Callable[[], Awaitable[None]]
    clear: Callable[[], Awaitable[None]]

    async def claim(self, owner: str, at_least: int = 0, session: str = SESSION) -> Pin | None:
        [pin] = await self.table(owner).claim([Claim(session, at_least, owner)])
        return pin

    async def renew(self, *pins: Pin) -> list[Pin | None]:
        return await self.table(pins[0].owner).renew(pins)

    async def release(self, pin: Pin) -> None:
        await self.table(pin.owner).release([pin])


def pin(owner: str, epoch: int, session: str = SESSION) -> Pin:
    return Pin(session, epoch, owner)


async def nothing_to_do_is_done(contract: Contract) -> None:
    table = contract.table(ADA)
    assert (await table.claim([]), await table.renew([])) == ([], [])
    await table.release([])


async def one_owner_has_it_until_it_is_released(contract: Contract) -> None:
    assert await contract.claim(ADA) == pin(ADA, 1)
    assert await contract.claim(BOB) is None
    await contract.release(pin(ADA, 1))
    assert await contract.claim(BOB) == pin(BOB, 2)
    assert await contract.claim(ADA) is None


async def sessions_do_not_mix(contract: Contract) -> None:
    assert await contract.claim(ADA, session="one") == pin(ADA, 1, "one")
    asked = [Claim("one", 0, BOB), Claim("two", 4, BOB), Claim("one", 0, BOB)]
    assert await contract.table(BOB).claim(asked) == [None, pin(BOB, 5, "two"), None]


async def epochs_grow_beyond_what_was_heard_of(contract: Contract) -> None:
    assert await contract.claim(ADA, at_least=7) == pin(ADA, 8)
    await contract.release(pin(ADA, 8))
    assert await contract.claim(ADA, at_least=3) == pin(ADA, 9)


async def an_owner_takes_its_own_leftover(contract: Contract) -> None:
    assert await contract.claim(ADA) == pin(ADA, 1)
    assert await contract.claim(ADA) == pin(ADA, 2)
    await contract.release(pin(ADA, 1))
    assert await contract.claim(BOB) is None
    # The owner has missed the answer to its second claim.
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 2)]


async def what_is_not_renewed_runs_out(contract: Contract) -> None:
    await contract.claim(ADA)
    await contract.expire()
    assert await contract.claim(BOB) == pin(BOB, 2)
    assert await contract.renew(pin(ADA, 1)) == [None]
    assert await contract.renew(pin(BOB, 2)) == [pin(BOB, 2)]


async def its_owner_may_still_renew_what_has_run_out(contract: Contract) -> None:
    await contract.claim(ADA)
    await contract.expire()
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 1)]
    assert await contract.claim(BOB) is None


async def an_emptied_table_is_filled_by_renewals(contract: Contract) -> None:
    await contract.claim(ADA)
    await contract.clear()
    assert await contract.renew(pin(ADA, 1), pin(ADA, 6, "other")) == [pin(ADA, 1), pin(ADA, 6, "other")]
    assert await contract.claim(BOB) is None
    assert await contract.claim(BOB, session="other") is None


async def the_greater_of_two_pins_is_kept(contract: Contract) -> None:
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 1)]
    assert await contract.renew(pin(BOB, 1)) == [pin(BOB, 1)]
    assert await contract.renew(pin(ADA, 1)) == [None]
    assert await contract.renew(pin(ADA, 2)) == [pin(ADA, 2)]
    assert await contract.renew(pin(BOB, 1)) == [None]


async def who_renews_what_another_let_run_out_has_it_for_good(contract: Contract) -> None:
    await contract.renew(pin(BOB, 3))
    await contract.expire()
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 4)]
    assert await contract.renew(pin(BOB, 3)) == [None]


async def what_another_released_is_there_to_be_renewed(contract: Contract) -> None:
    await contract.renew(pin(BOB, 1))
    await contract.release(pin(BOB, 1))
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 2)]


async def a_late_renewal_does_not_take_a_release_back(contract: Contract) -> None:
    await contract.claim(ADA)
    await contract.release(pin(ADA, 1))
    await contract.renew(pin(ADA, 1))
    assert await contract.claim(BOB) == pin(BOB, 2)
    await contract.release(pin(BOB, 2))
    # A greater one is no late one.
    assert await contract.renew(pin(BOB, 3)) == [pin(BOB, 3)]
    assert await contract.claim(ADA) is None


async def only_the_very_pin_is_released(contract: Contract) -> None:
    await contract.claim(ADA, at_least=4)
    for other in (pin(ADA, 4), pin(ADA, 6), pin(BOB, 5)):
        await contract.release(other)
    assert await contract.claim(BOB) is None


async def whoever_may_take_over_gets_it_and_the_other_learns_that(contract: Contract) -> None:
    await contract.claim(ADA, at_least=3)
    [taken] = await contract.table(BOB).claim([Claim(SESSION, 2, BOB, takes_over=True)])
    assert taken == pin(BOB, 5)
    assert await contract.renew(pin(ADA, 4)) == [None]
    await contract.release(pin(ADA, 4))
    assert await contract.renew(pin(BOB, 5)) == [pin(BOB, 5)]


async def another_tenant_takes_over_only_what_nobody_has(contract: Contract) -> None:
    table, theirs = contract.table(BOB), Claim(SESSION, 3, BOB, takes_over=True, tenant="theirs")
    [mine] = await contract.table(ADA).claim([Claim(SESSION, 0, ADA, tenant="mine")])
    assert await table.claim([theirs]) == [None]
    assert mine is not None and await contract.renew(mine) == [mine]
    assert await table.claim([theirs]) == [None]
    await contract.release(mine)
    assert await table.claim([theirs]) == [pin(BOB, 4)]
    assert await contract.table(ADA).claim([Claim(SESSION, 0, ADA, takes_over=True, tenant="mine")]) == [None]


async def of_what_has_changed_hands_the_tenant_is_not_known(contract: Contract) -> None:
    await contract.table(ADA).claim([Claim(SESSION, 0, ADA, tenant="mine")])
    await contract.expire()
    assert await contract.renew(pin(ADA, 1)) == [pin(ADA, 1)]
    theirs = Claim(SESSION, 1, BOB, takes_over=True, tenant="theirs")
    assert await contract.table(BOB).claim([theirs]) == [pin(BOB, 2)]


async def what_was_taken_over_does_not_go_back(contract: Contract) -> None:
    await contract.claim(ADA)
    await contract.table(BOB).claim([Claim(SESSION, 0, BOB, takes_over=True)])
    await contract.release(pin(BOB, 2))
    assert await contract.renew(pin(ADA, 1)) == [None]
    # Whoever comes after that is none of the two.
    assert await contract.claim(ADA) == pin(ADA, 3)
    assert await contract.renew(pin(ADA, 3)) == [pin(ADA, 3)]


async def what_nobody_has_is_taken_over_as_it_is_claimed(contract: Contract) -> None:
    asked = [Claim("one", 4, ADA, takes_over=True), Claim("two", 0, ADA), Claim("one", 0, ADA, True)]
    assert await contract.table(ADA).claim(asked) == [
        pin(ADA, 5, "one"),
        pin(ADA, 1, "two"),
        pin(ADA, 6, "one"),
    ]


Check = Callable[[Contract], Coroutine[Any, Any, None]]

# They wait until something has run out; for all others nothing should.
TIMED: Final[Sequence[Check]] = (
    what_is_not_renewed_runs_out,
    its_owner_may_still_renew_what_has_run_out,
    who_renews_what_another_let_run_out_has_it_for_good,
    of_what_has_changed_hands_the_tenant_is_not_known,
)
CHECKS: Final[Sequence[Check]] = (
    *TIMED,
    nothing_to_do_is_done,
    one_owner_has_it_until_it_is_released,
    sessions_do_not_mix,
    epochs_grow_beyond_what_was_heard_of,
    an_owner_takes_its_own_leftover,
    an_emptied_table_is_filled_by_renewals,
    the_greater_of_two_pins_is_kept,
    what_another_released_is_there_to_be_renewed,
    a_late_renewal_does_not_take_a_release_back,
    only_the_very_pin_is_released,
    whoever_may_take_over_gets_it_and_the_other_learns_that,
    another_tenant_takes_over_only_what_nobody_has,
    what_was_taken_over_does_not_go_back,
    what_nobody_has_is_taken_over_as_it_is_claimed,
)
