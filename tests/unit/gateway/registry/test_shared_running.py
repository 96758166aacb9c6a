from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.registry.memory import MemoryTable
from tests.support.aio import run, turns, until
from tests.support.clock import ManualClock
from tests.support.pin_tables import Gateway, Holder


def test_it_is_logged_once_that_the_table_is_away_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        ada = Gateway(MemoryTable(ManualClock()), "ada")
        for away in (False, True, True, False, False):
            ada.remote.away = away
            await ada.pins.beat()

    caplog.set_level(logging.INFO, "gateway.registry.health")
    run(scenario())
    mine = [record.message for record in caplog.records]
    assert mine == [
        "registry answers",
        "registry away: pins are its own",
        "registry answers",
    ]


def test_runs_until_cancelled_and_gives_back_what_ended_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        ada = Gateway(MemoryTable(ManualClock()), "ada")
        running = asyncio.create_task(ada.pins.run())
        await until(lambda: ada.up == 1)
        holder = Holder()
        ada.pins.claim("call", 0, holder)
        await until(lambda: holder.told == ["pinned"])
        await until(lambda: ada.remote.calls.count("renew") > 2)
        await turns()
        running.cancel()
        ada.pins.release("call")
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (ada.remote.table.pin("call"), ada.remote.closed) == (None, True)

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 0.01)
    run(scenario())


def test_one_late_answer_is_asked_after_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        ada = Gateway(MemoryTable(ManualClock()), "ada")
        running = asyncio.create_task(ada.pins.run())
        await until(lambda: ada.up == 1)
        ada.remote.away = True
        holder = Holder()
        ada.pins.claim("call", 0, holder)
        await until(lambda: holder.told == ["pinned"])
        # The claim, one heartbeat behind it, and then no more for an hour.
        await turns()
        assert ada.remote.calls == ["renew", "claim", "renew"]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 3_600.0)
    run(scenario())
