from __future__ import annotations

import pytest

from common.errors import SessionInUse
from gateway.registry.base import EXPIRY_S, KEPT_S, Claim, Pin
from gateway.registry.memory import MemoryPins, MemoryTable
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.pin_contract import CHECKS, Check, Contract
from tests.support.pin_tables import Holder, RemoteTable


def make_contract() -> Contract:
    clock = ManualClock()
    table = MemoryTable(clock)

    async def expire() -> None:
        clock.advance(EXPIRY_S)

    async def clear() -> None:
        table.clear()

    return Contract(lambda _: RemoteTable(table), expire, clear)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(check: Check) -> None:
    run(check(make_contract()))


def test_what_nobody_has_is_forgotten_after_a_while() -> None:
    clock = ManualClock()
    table = MemoryTable(clock)
    assert table.claim([Claim("old", 0, "ada"), Claim("kept", 0, "ada")]) == [
        Pin("old", 1, "ada"),
        Pin("kept", 1, "ada"),
    ]
    clock.advance(KEPT_S / 2)
    table.renew([Pin("kept", 1, "ada")])
    clock.advance(KEPT_S / 2)
    assert table.pin("kept") is None
    assert table.claim([Claim("old", 0, "bob"), Claim("kept", 0, "bob")]) == [
        Pin("old", 1, "bob"),
        Pin("kept", 2, "bob"),
    ]


class TestMemoryPins:
    def test_grants_at_once_and_refuses_at_once(self) -> None:
        table = MemoryTable(ManualClock())
        pins, others, holder = MemoryPins(table, "ada"), MemoryPins(table, "bob"), Holder()
        assert pins.claim("call", 0, holder)
        for keeper in (pins, others):
            with pytest.raises(SessionInUse):
                keeper.claim("call", 0, holder)
        pins.release("call")
        pins.release("call")
        assert others.claim("call", 0, holder)
        assert table.pin("call") == Pin("call", 2, "bob")
        assert holder.told == []

    def test_heartbeats_keep_what_is_live(self) -> None:
        clock = ManualClock()
        table = MemoryTable(clock)
        pins = MemoryPins(table, "ada")
        pins.claim("call", 0, Holder())
        for _ in range(2):
            clock.advance(EXPIRY_S * 0.9)
            pins.beat()
        assert table.pin("call") == Pin("call", 1, "ada")
        # The whole process was stopped, and for so long that somebody else could have begun.
        clock.advance(EXPIRY_S)
        table.claim([Claim("call", 0, "bob")])
        pins.beat()
        assert table.pin("call") == Pin("call", 2, "bob")

    def test_runs_until_it_is_cancelled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        beats = 0

        class CountedPins(MemoryPins):
            def beat(self) -> None:
                nonlocal beats
                beats += 1
                if beats == 3:
                    raise ZeroDivisionError

        monkeypatch.setattr("gateway.registry.memory.HEARTBEAT_S", 0.0)
        with pytest.raises(ZeroDivisionError):
            run(CountedPins(MemoryTable(ManualClock()), "ada").run())
