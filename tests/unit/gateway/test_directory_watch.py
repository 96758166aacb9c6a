from __future__ import annotations

import asyncio
import logging

import pytest

from common.link_auth import Refusal
from gateway import directory_watch
from gateway.directory_watch import DirectoryWatch
from gateway.host_view import GatewayRow
from gateway.link_keeper import Member
from gateway.roster import GONE_AFTER_S
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.directories import ADA, BOB, MemoryBoard, MemoryDirectory, gateway_record, worker_record


class Rig:
    """Watches for instance `a`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.board = MemoryBoard(self.clock, expiry_s=1_000_000)
        self.directory = MemoryDirectory(self.board)
        self.followed: list[list[Member]] = []
        self.refusals: list[Refusal] = []
        self.watch = DirectoryWatch(
            "a",
            self.directory,
            lambda members: self.followed.append(list(members)),
            self.refusals.append,
            self.clock,
        )

    @property
    def workers(self) -> list[str]:
        return [member.worker for member in self.followed[-1]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_watch, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(directory_watch, "_AGAIN_S", 0.001)


def test_workers_of_other_instances_are_followed() -> None:
    async def scenario() -> None:
        rig = Rig()
        for record in (ADA, BOB):
            rig.board.write(record)
        await rig.watch.beat()
        [member] = rig.followed[-1]
        assert (member.worker, member.instance, member.incarnation) == ("b:0", "b", "first")

    run(scenario())


def test_a_worker_that_joins_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_watch, "HEARTBEAT_S", 1_000.0)

    async def scenario() -> None:
        rig = Rig()
        task = asyncio.create_task(rig.watch.run())
        await until(lambda: bool(rig.followed))
        rig.board.write(BOB)
        await until(lambda: rig.workers == ["b:0"])
        task.cancel()
        await asyncio.wait([task])
        assert rig.directory.closed

    run(scenario())


def test_who_is_gone_is_followed_for_a_while() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.board.write(BOB)
        await rig.watch.beat()
        rig.board.remove(BOB)
        await rig.watch.beat()
        assert rig.workers == ["b:0"]
        rig.clock.advance(GONE_AFTER_S + 0.1)
        await rig.watch.beat()
        assert rig.workers == []

    run(scenario())


def test_while_the_directory_is_away_nothing_changes_and_it_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.board.write(BOB)
        await rig.watch.beat()
        rig.board.clear()
        await rig.watch.beat()
        rig.directory.away = True
        for _ in range(3):
            rig.clock.advance(GONE_AFTER_S)
            await rig.watch.beat()
        rig.directory.away = False
        await rig.watch.beat()
        assert rig.workers == ["b:0"]
        assert len(rig.followed) == 3

    with caplog.at_level(logging.INFO):
        run(scenario())
    assert caplog.messages == [
        "worker directory answers",
        "worker directory away: the last known workers are used",
        "worker directory answers",
    ]


def test_gateways_of_other_instances_are_shown_as_they_show_themselves() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.board.write(gateway_record("a:0", "a"))
        rig.board.write(gateway_record("b:0", sessions=3))
        assert rig.watch.gateways() == []
        await rig.watch.beat()
        row = GatewayRow("b:0", 7, "ready", 3, "http://10.0.0.2:9400/metrics")
        assert rig.watch.gateways() == [row]

    run(scenario())


def test_who_cannot_be_believed_is_counted() -> None:
    async def scenario() -> None:
        rig = Rig()

        class Liar(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                transport.write(b"HTTP/1.1 200 OK\r\n")

        server = await asyncio.get_running_loop().create_server(Liar, "127.0.0.1", 0)
        rig.board.write(worker_record("b:0", link_port=server.sockets[0].getsockname()[1]))
        await rig.watch.beat()
        with pytest.raises(ConnectionError):
            await rig.followed[-1][0].dial(lambda: pytest.fail("a link was made"))
        assert rig.refusals == [Refusal.NO_LINK]
        server.close()

    run(scenario())
