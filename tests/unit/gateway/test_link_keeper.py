"""One link, kept against a worker that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.link import LINK_VERSION, Load
from gateway import link_keeper
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.link_keeper import LinkKeeper, Member
from gateway.lost_workers import LostWorkers
from gateway.worker_link import WorkerLink
from tests.support.aio import run, turns, until
from tests.support.clock import ManualClock
from tests.support.far_worker import FarWorker
from tests.support.noticed import noticed

READY = Load(True, 0, 0, 0, 0, None)
BUSY = Load(False, 0, 0, 0, 0, None)


class Owner:
    def __init__(self) -> None:
        self.ready = 0
        self.changes = 0

    def worker_ready(self) -> None:
        self.ready += 1

    def links_changed(self) -> None:
        self.changes += 1


def make_link() -> WorkerLink:
    return WorkerLink(
        "0", "http://127.0.0.1:1/metrics", Limits(), lambda: None, LostWorkers(ManualClock(), Causes())
    )


@asynccontextmanager
async def kept(far: FarWorker, member: Member | None = None) -> AsyncIterator[tuple[LinkKeeper, Owner]]:
    owner = Owner()
    keeper = LinkKeeper(member or far.member(), make_link, owner)
    # Before it runs there is nothing to stop.
    keeper.stop()
    async with asyncio.TaskGroup() as tasks:
        keeper.start(tasks)
        try:
            yield keeper, owner
        finally:
            keeper.stop()


def test_its_owner_hears_when_the_worker_is_ready_and_of_every_change() -> None:
    async def scenario() -> None:
        far = FarWorker("0", BUSY)
        async with kept(far) as (keeper, owner):
            await until(lambda: keeper.link is not None)
            assert (owner.ready, owner.changes) == (0, 1)
            far.says(READY)
            assert owner.ready == 1
            far.dies()
            await until(lambda: keeper.link is None)
            assert owner.changes == 2
        await until(lambda: keeper.over)
        assert owner.changes >= 3

    run(scenario())


def test_a_lost_link_is_made_again_with_what_was_known_of_the_worker() -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY, "here", "card")
        async with kept(far) as (keeper, _):
            await until(lambda: keeper.link is not None)
            far.dies()
            await until(lambda: far.dialled > 2)
            assert keeper.last_hello is not None and keeper.last_hello.card == "card"
            far.there = True
            await until(lambda: keeper.link is not None)
            assert LinkKeeper(far.member(), make_link, Owner(), keeper).last_hello is keeper.last_hello

    run(scenario())


def test_a_worker_of_another_version_is_dialled_less_and_less_often() -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY, version=LINK_VERSION + 1)
        async with kept(far) as (keeper, _):
            await asyncio.sleep(0.6)
            assert keeper.last_hello is None
            assert 1 < far.dialled < 8

    run(scenario())


def test_who_is_retired_keeps_its_link_until_it_is_lost() -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY)
        async with kept(far) as (keeper, _):
            await until(lambda: keeper.link is not None)
            keeper.retire()
            await turns()
            assert keeper.link is not None
            far.cuts()
            await until(lambda: keeper.over)
            assert far.dialled == 1

    run(scenario())


def test_who_is_retired_without_a_link_ends_and_who_is_kept_on_does_not() -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY)
        async with kept(far) as (keeper, _):
            await until(lambda: keeper.link is not None)
            keeper.retire()
            keeper.keep_on()
            far.dies()
            await until(lambda: far.dialled > 1)
            keeper.retire()
            await until(lambda: keeper.over)

    run(scenario())


def test_a_worker_that_falls_silent_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_keeper, "PING_S", 0.001)

    async def scenario() -> None:
        far = FarWorker("0", READY)
        async with kept(far) as (keeper, _):
            await until(lambda: far.dialled > 1)
            assert keeper.last_hello is not None

    run(scenario())


def test_the_link_of_a_process_that_has_ended_is_lost_though_its_socket_is_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        far, notice = FarWorker("0", READY), tmp_path / "worker-0.end"
        with noticed(notice) as process:
            async with kept(far, replace(far.member(), end_notice=notice)) as (keeper, _):
                await until(lambda: keeper.link is not None)
                process.kill()
                await until(lambda: keeper.link is None)

    run(scenario())


def test_a_worker_that_gives_no_notice_is_linked_as_well(tmp_path: Path) -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY)
        member = replace(far.member(), end_notice=tmp_path / "worker-0.end")
        async with kept(far, member) as (keeper, _):
            await until(lambda: keeper.link is not None)
            await turns()
            assert far.dialled == 1

    run(scenario())


def test_a_dial_that_is_given_up_half_way_leaves_no_link() -> None:
    async def scenario() -> None:
        far = FarWorker("0", READY)

        async def dial(make: object) -> None:
            assert callable(make)
            await far.dial(make)
            await asyncio.Event().wait()

        async with kept(far, Member("0", "local", dial)) as (keeper, _):
            await until(lambda: keeper.link is not None)
            link = keeper.link
            keeper.stop()
            await until(lambda: keeper.over)
            assert keeper.link is None
            assert link is not None
            await until(lambda: not link.ready)

    run(scenario())
