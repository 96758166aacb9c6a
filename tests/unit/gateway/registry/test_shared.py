from __future__ import annotations

import pytest

from common.errors import SessionInUse
from gateway.registry.base import EXPIRY_S, Pin
from gateway.registry.memory import MemoryTable
from gateway.registry.shared import PINS_AT_ONCE
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.pin_tables import Gateway, Holder


class Rig:
    """Two gateways on one table that both know to be there."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.table = MemoryTable(self.clock)
        self.ada, self.bob = Gateway(self.table, "ada"), Gateway(self.table, "bob")

    async def beat(self) -> None:
        await self.ada.pins.beat()
        await self.bob.pins.beat()

    async def lose(self, away: bool = True) -> None:
        """The table is away, and both have noticed."""
        self.ada.remote.away = self.bob.remote.away = away
        await self.beat()


async def ready() -> Rig:
    rig = Rig()
    await rig.beat()
    return rig


def test_a_claim_is_granted_by_the_table() -> None:
    async def scenario() -> None:
        rig = await ready()
        holder = Holder()
        assert not rig.ada.pins.claim("call", 3, holder)
        assert (holder.told, rig.ada.pins.pin("call")) == ([], None)
        await rig.ada.pins.settle()
        assert (holder.told, rig.ada.pins.pin("call")) == (["pinned"], Pin("call", 4, "ada"))

    run(scenario())


def test_the_second_claim_is_refused_until_the_first_session_has_ended() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.ada.start("call")
        refused = await rig.bob.start("call")
        assert refused.told == ["taken"]
        with pytest.raises(SessionInUse):
            rig.ada.pins.claim("call", 0, Holder())
        rig.ada.pins.release("call")
        await rig.ada.pins.settle()
        assert (await rig.bob.start("call")).told == ["pinned"]
        assert rig.bob.pins.pin("call") == Pin("call", 2, "bob")

    run(scenario())


def test_claims_and_releases_of_one_moment_are_told_together() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.ada.start("old")
        rig.ada.remote.calls.clear()
        rig.ada.pins.release("old")
        for number in range(50):
            rig.ada.pins.claim(f"new-{number}", 0, Holder())
        rig.ada.pins.claim("old", 0, Holder())
        await rig.ada.pins.settle()
        assert rig.ada.remote.calls == ["claim", "release"]
        assert rig.table.pin("old") == Pin("old", 2, "ada")
        await rig.ada.pins.settle()
        assert rig.ada.remote.calls == ["claim", "release"]

    run(scenario())


def test_what_ends_while_it_is_asked_for_is_given_back() -> None:
    async def scenario() -> None:
        rig = await ready()
        holder = Holder()
        rig.ada.pins.claim("call", 0, holder)
        rig.ada.pins.release("call")
        await rig.ada.pins.settle()
        await rig.ada.pins.settle()
        assert (holder.told, rig.table.pin("call")) == ([], None)
        await rig.bob.start("call")
        rig.ada.pins.claim("call", 0, holder)
        rig.ada.pins.release("call")
        await rig.ada.pins.settle()
        assert (holder.told, rig.table.pin("call")) == ([], Pin("call", 2, "bob"))

    run(scenario())


def test_nobody_waits_for_a_table_that_is_away() -> None:
    async def scenario() -> None:
        rig = await ready()
        rig.ada.remote.away = True
        waited = Holder()
        assert not rig.ada.pins.claim("first", 4, waited)
        await rig.ada.pins.settle()
        # Only the first one had to find out.
        assert rig.ada.pins.claim("second", 0, Holder())
        assert (waited.told, rig.ada.up) == (["pinned"], 0)
        assert rig.ada.pins.pin("first") == Pin("first", 5, "ada")
        assert rig.ada.pins.pin("second") == Pin("second", 6, "ada")
        calls = len(rig.ada.remote.calls)
        rig.ada.pins.release("second")
        await rig.ada.pins.settle()
        assert len(rig.ada.remote.calls) == calls

    run(scenario())


def test_before_the_first_answer_sessions_are_pinned_here() -> None:
    async def scenario() -> None:
        rig = Rig()
        assert rig.ada.up == 0
        assert (await rig.ada.start("call")).told == ["pinned"]
        await rig.ada.pins.beat()
        assert (rig.ada.up, rig.table.pin("call")) == (1, Pin("call", 1, "ada"))

    run(scenario())


def test_what_was_pinned_alone_is_told_when_the_table_is_back() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.lose()
        await rig.ada.start("call")
        await rig.lose(False)
        assert (await rig.bob.start("call")).told == ["taken"]

    run(scenario())


def test_an_id_that_was_used_before_is_pinned_as_well_when_the_table_is_back() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.ada.start("call")
        rig.ada.pins.release("call")
        await rig.ada.pins.settle()
        await rig.lose()
        holder = await rig.ada.start("call")
        await rig.lose(False)
        assert rig.table.pin("call") == rig.ada.pins.pin("call") == Pin("call", 2, "ada")
        assert (await rig.bob.start("call")).told == ["taken"]
        assert holder.told == ["pinned"]

    run(scenario())


def test_of_two_that_began_without_the_table_one_goes_on() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.lose()
        ada, bob = await rig.ada.start("call"), await rig.bob.start("call")
        await rig.lose(False)
        await rig.beat()
        assert (ada.told, bob.told) == (["pinned", "taken"], ["pinned"])
        assert rig.ada.pins.pin("call") is None
        rig.ada.pins.release("call")
        await rig.beat()
        assert rig.table.pin("call") == Pin("call", 1, "bob")

    run(scenario())


def test_an_emptied_table_is_filled_by_the_next_heartbeats() -> None:
    async def scenario() -> None:
        rig = await ready()
        holder = await rig.ada.start("call")
        rig.table.clear()
        await rig.beat()
        assert (await rig.bob.start("call")).told == ["taken"]
        assert holder.told == ["pinned"]

    run(scenario())


def test_a_gateway_that_stood_still_loses_what_another_has_taken_over() -> None:
    async def scenario() -> None:
        rig = await ready()
        holder = await rig.ada.start("call")
        rig.clock.advance(EXPIRY_S)
        assert (await rig.bob.start("call")).told == ["pinned"]
        await rig.ada.pins.beat()
        assert holder.told == ["pinned", "taken"]

    run(scenario())


def test_a_claim_whose_answer_was_lost_is_still_this_gateways_own() -> None:
    async def scenario() -> None:
        rig = await ready()
        rig.table.renew([Pin("call", 6, "bob")])
        rig.table.release([Pin("call", 6, "bob")])
        rig.ada.remote.deaf = True
        holder = await rig.ada.start("call")
        assert rig.ada.pins.pin("call") == Pin("call", 1, "ada")
        rig.ada.remote.deaf = False
        await rig.ada.pins.beat()
        assert (holder.told, rig.ada.pins.pin("call")) == (["pinned"], Pin("call", 7, "ada"))

    run(scenario())


def test_a_session_that_ends_and_begins_again_during_a_heartbeat_is_not_taken_for_the_old_one() -> None:
    async def scenario() -> None:
        rig = await ready()
        await rig.ada.start("call")
        await rig.ada.start("gone")
        rig.table.clear()
        rig.table.renew([Pin("call", 9, "bob")])
        renew, new = rig.ada.remote.renew, Holder()

        async def slow(pins: list[Pin]) -> list[Pin | None]:
            kept = await renew(pins)
            for session in ("call", "gone"):
                rig.ada.pins.release(session)
            rig.table.release([Pin("call", 9, "bob")])
            rig.ada.pins.claim("call", 0, new)
            return kept

        rig.ada.remote.renew = slow  # type: ignore[assignment, method-assign]
        await rig.ada.pins.beat()
        assert (new.told, rig.table.pin("gone")) == (["pinned"], None)
        assert rig.ada.pins.pin("call") == Pin("call", 10, "ada")

    run(scenario())


def test_many_pins_are_renewed_a_part_at_a_time() -> None:
    async def scenario() -> None:
        rig = await ready()
        for number in range(2 * PINS_AT_ONCE + 1):
            rig.ada.pins.claim(f"call-{number}", 0, Holder())
        await rig.ada.pins.settle()
        rig.ada.remote.calls.clear()
        await rig.ada.pins.beat()
        assert rig.ada.remote.calls == ["renew"] * 3

    run(scenario())


def test_who_starts_during_a_long_heartbeat_does_not_wait_for_its_end() -> None:
    async def scenario() -> None:
        rig = await ready()
        for number in range(2 * PINS_AT_ONCE):
            rig.ada.pins.claim(f"call-{number}", 0, Holder())
        await rig.ada.pins.settle()
        rig.ada.remote.calls.clear()
        rig.ada.pins.claim("new", 0, Holder())
        await rig.ada.pins.beat()
        assert rig.ada.remote.calls == ["renew", "claim", "renew"]

    run(scenario())


def test_a_session_that_raises_keeps_nobody_from_being_told() -> None:
    async def scenario() -> None:
        rig = await ready()
        holders = [Holder(raises=True) for _ in range(3)]
        for number, holder in enumerate(holders):
            rig.ada.pins.claim(f"call-{number}", 0, holder)
        await rig.ada.pins.settle()
        assert [holder.told for holder in holders] == [["pinned", "broken"]] * 3

    run(scenario())
