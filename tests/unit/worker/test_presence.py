"""A worker's port for other hosts, and its record: who reads the record can have a link, nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest

from common.link import LINK_VERSION, Frame, FrameType, Hello, Load
from common.link_auth import Refusal
from common.link_transport import LinkTransport
from common.registry.base import WorkerRecord
from common.settings import load_settings
from gateway.dialing import over_tcp
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.directories import MemoryBoard, MemoryDirectory
from tests.support.ports import free_ports
from worker import presence
from worker.metrics import WorkerMetrics
from worker.presence import Presence, make_presence
from worker.server import GatewayLinks
from worker.session_table import SessionTable

NAME = "127.0.0.1:10095:1"
HELLO = Hello(
    LINK_VERSION,
    NAME,
    7,
    "http://127.0.0.1:9501/metrics",
    host="127.0.0.1",
    card="GPU-1",
    capacity=40.0,
)
LOAD = Load(True, 0, 0, 0, 0, None)


class Gateway:
    """What it hears of a link."""

    def __init__(self) -> None:
        self.frames: list[object] = []
        self.links: list[LinkTransport] = []

    def link_up(self, link: LinkTransport) -> None:
        self.links.append(link)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        if frame.kind in (FrameType.HELLO, FrameType.LOAD):
            self.frames.append(frame.payload)

    def link_lost(self, link: LinkTransport) -> None:
        self.links.remove(link)


@dataclass
class Rig:
    presence: Presence
    metrics: WorkerMetrics
    board: MemoryBoard
    port: int

    async def record(self) -> WorkerRecord:
        """As soon as it is in the directory."""
        await until(lambda: bool(self.board.now()))
        [record] = self.board.now().values()
        assert isinstance(record, WorkerRecord)
        return record

    def refused(self, refusal: Refusal) -> float | None:
        labels = {"worker": NAME, "reason": refusal.value}
        return self.metrics.registry.get_sample_value("asr_worker_links_refused_total", labels)


@asynccontextmanager
async def present() -> AsyncIterator[Rig]:
    """Worker 1, listening and announced."""
    [port] = free_ports(1)
    flags = {"redis_url": "redis://127.0.0.1", "advertise_host": "127.0.0.1", "link_port": port - 1}
    clock, metrics = ManualClock(), WorkerMetrics(NAME)
    board = MemoryBoard(clock)
    table = SessionTable(60.0, metrics, clock)
    links = GatewayLinks(lambda: HELLO, table, None, lambda: LOAD)  # type: ignore[arg-type]
    rig = Rig(
        Presence(load_settings(flags, {}), MemoryDirectory(board), links, metrics), metrics, board, port
    )
    server = await rig.presence.listen(1)
    announcing = asyncio.create_task(rig.presence.announce(1, HELLO))
    try:
        yield rig
    finally:
        announcing.cancel()
        await asyncio.wait([announcing])
        links.close()
        server.close()


def test_who_has_read_its_record_gets_a_link() -> None:
    async def scenario() -> None:
        async with present() as rig:
            record, gateway = await rig.record(), Gateway()
            await over_tcp(record, lambda _: None)(lambda: LinkTransport(gateway))
            await until(lambda: len(gateway.frames) == 2)
            assert gateway.frames == [HELLO, LOAD]
            gateway.links[0].abort()
            await until(lambda: not gateway.links)

    run(scenario())


def test_its_record_says_what_its_greeting_says() -> None:
    async def scenario() -> None:
        async with present() as rig:
            record = await rig.record()
            assert (record.id, record.instance, record.link_port) == (NAME, "127.0.0.1:10095", rig.port)
            assert (record.host, record.card, record.capacity) == ("127.0.0.1", "GPU-1", 40.0)
            assert record.link_version == LINK_VERSION
        assert rig.board.now() == {}

    run(scenario())


def test_every_process_has_a_key_of_its_own() -> None:
    async def scenario() -> None:
        async with present() as one, present() as other:
            first, second = await one.record(), await other.record()
            assert (first.key, first.incarnation) != (second.key, second.incarnation)
            assert first.key != second.key

    run(scenario())


def test_who_has_another_key_is_counted() -> None:
    async def scenario() -> None:
        async with present() as rig:
            record = msgspec.structs.replace(await rig.record(), key=b"another")
            with pytest.raises(ConnectionError):
                await over_tcp(record, lambda _: None)(lambda: LinkTransport(Gateway()))
            await until(lambda: bool(rig.refused(Refusal.WRONG_KEY) or rig.refused(Refusal.CLOSED)))

    run(scenario())


def test_of_those_who_only_connect_there_is_a_limited_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "MOST_UNPROVEN", 2)

    async def scenario() -> None:
        async with present() as rig:
            record = await rig.record()
            idle = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            assert await reader.read() == b""
            assert rig.refused(Refusal.CROWDED) == 1
            for _, each in (*idle, (reader, writer)):
                each.close()
            await until(lambda: rig.refused(Refusal.CLOSED) == 2)
            gateway = Gateway()
            await over_tcp(record, lambda _: None)(lambda: LinkTransport(gateway))
            gateway.links[0].abort()
            await until(lambda: not gateway.links)

    run(scenario())


def test_without_redis_there_are_no_others() -> None:
    metrics = WorkerMetrics("0")
    links = GatewayLinks(lambda: HELLO, SessionTable(60.0, metrics, ManualClock()), None, lambda: LOAD)  # type: ignore[arg-type]
    assert make_presence(load_settings({}, {}), links, metrics) is None
