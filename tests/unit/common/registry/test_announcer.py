from __future__ import annotations

import asyncio
import logging

import pytest

from common.registry import announcer
from common.registry.announcer import Announcer
from common.registry.base import Listing, WorkerRecord
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.directories import ADA, MemoryBoard, MemoryDirectory


class Rig:
    def __init__(self) -> None:
        self.board = MemoryBoard(ManualClock())
        self.directory = MemoryDirectory(self.board)
        self.asked = 0
        self.announcer = Announcer(self.directory, self._record)

    def _record(self) -> WorkerRecord:
        self.asked += 1
        return ADA

    async def seen(self) -> Listing:
        return await MemoryDirectory(self.board).look()


def test_it_is_there_while_it_runs_and_gone_at_the_end() -> None:
    async def scenario() -> None:
        rig = Rig()
        task = asyncio.create_task(rig.announcer.run())
        await until(lambda: rig.asked > 0)
        assert (await rig.seen()).workers == [ADA]
        task.cancel()
        await asyncio.wait([task])
        assert (await rig.seen()).workers == []
        assert rig.directory.closed

    run(scenario())


def test_it_is_said_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "HEARTBEAT_S", 0.001)

    async def scenario() -> None:
        rig = Rig()
        task = asyncio.create_task(rig.announcer.run())
        await until(lambda: rig.asked > 3)
        rig.board.clear()
        before = rig.asked
        await until(lambda: rig.asked > before + 1)
        assert (await rig.seen()).workers == [ADA]
        task.cancel()
        await asyncio.wait([task])

    run(scenario())


def test_an_outage_is_logged_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        rig = Rig()
        for away in (True, True, False, False, True):
            rig.directory.away = away
            await rig.announcer.beat()

    with caplog.at_level(logging.INFO):
        run(scenario())
    assert caplog.messages == [
        "not announced: the directory is away",
        "announced in the directory",
        "not announced: the directory is away",
    ]


def test_who_ends_while_the_directory_is_away_ends_all_the_same() -> None:
    async def scenario() -> None:
        rig = Rig()
        task = asyncio.create_task(rig.announcer.run())
        await until(lambda: rig.asked > 0)
        rig.directory.away = True
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() and rig.directory.closed

    run(scenario())
