from __future__ import annotations

import asyncio

from common.registry.announcer import Announcer
from common.scrape import TargetGroup
from common.settings import load_settings
from gateway.directory_watch import DirectoryWatch
from gateway.host_view import GatewayRow
from gateway.metrics import GatewayMetrics
from gateway.neighbours import NoNeighbours, SharedNeighbours, make_neighbours
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.directories import MemoryBoard, MemoryDirectory, gateway_record

TARGETS = TargetGroup(("10.0.0.2:9400",), {"process": "gateway"})
ROW = GatewayRow("a:0", 7, "ready", 2, "http://10.0.0.1:9400/metrics")


def test_alone_a_gateway_has_none() -> None:
    settings = load_settings({}, {})
    alone = make_neighbours(settings, lambda _: None, lambda: ROW, GatewayMetrics("0").hosts, ManualClock())
    assert isinstance(alone, NoNeighbours)
    run(alone.run())
    assert (alone.gateways(), alone.targets()) == ([], ())


def test_it_watches_and_is_announced_for_as_long_as_it_runs() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        board = MemoryBoard(clock)
        watched, announced_in = MemoryDirectory(board), MemoryDirectory(board)
        own = gateway_record("a:0", "a", sessions=2)
        watch = DirectoryWatch("a", watched, lambda _: None, lambda _: None, clock)
        neighbours = SharedNeighbours(watch, Announcer(announced_in, lambda: own))
        board.write(gateway_record("b:0", targets=(TARGETS,)))
        task = asyncio.create_task(neighbours.run())
        await until(lambda: bool(neighbours.gateways()) and own in board.now().values())
        assert [row.id for row in neighbours.gateways()] == ["b:0"]
        assert neighbours.targets() == (TARGETS,)
        task.cancel()
        await asyncio.wait([task])
        assert own not in board.now().values()
        assert watched.closed and announced_in.closed

    run(scenario())


def test_a_redis_that_is_not_there_ends_nothing() -> None:
    async def scenario() -> None:
        flags = {"redis_url": "redis://127.0.0.1:1", "advertise_host": "10.0.0.1"}
        metrics = GatewayMetrics("0").hosts
        shared = make_neighbours(
            load_settings(flags, {}), lambda _: None, lambda: ROW, metrics, ManualClock()
        )
        assert isinstance(shared, SharedNeighbours)
        task = asyncio.create_task(shared.run())
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])

    run(scenario())
