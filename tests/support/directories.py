"""A directory in memory, which can be away, and records to put into it."""

from __future__ import annotations

import asyncio
from typing import Final

from common.clock import Clock
from common.link import LINK_VERSION
from common.registry.base import EXPIRY_S, GatewayRecord, Listing, Record, RegistryAway, WorkerRecord
from common.scrape import TargetGroup


def worker_record(
    worker: str,
    instance: str = "b",
    incarnation: str = "first",
    link_port: int = 9_700,
    targets: tuple[TargetGroup, ...] = (),
) -> WorkerRecord:
    return WorkerRecord(
        id=worker,
        instance=instance,
        incarnation=incarnation,
        link_host="127.0.0.1",
        link_port=link_port,
        link_version=LINK_VERSION,
        key=b"a-key-that-no-log-may-show",
        host="10.0.0.2",
        card="GPU-1",
        capacity=40.0,
        targets=targets,
    )


def gateway_record(
    gateway: str, instance: str = "b", sessions: int = 0, targets: tuple[TargetGroup, ...] = ()
) -> GatewayRecord:
    return GatewayRecord(
        id=gateway,
        instance=instance,
        pid=7,
        state="ready",
        sessions=sessions,
        metrics_url="http://10.0.0.2:9400/metrics",
        targets=targets,
    )


class MemoryBoard:
    """What all directories in memory share."""

    def __init__(self, clock: Clock, expiry_s: float = EXPIRY_S) -> None:
        self._clock = clock
        self._expiry_s = expiry_s
        self._records: dict[tuple[type[Record], str], tuple[Record, float]] = {}
        self.listeners: list[asyncio.Event] = []

    def write(self, record: Record) -> None:
        key = (type(record), record.id)
        before = self.now().get(key)
        self._records[key] = (record, self._clock.now() + self._expiry_s)
        if before != record:
            self._tell(record)

    def remove(self, record: Record) -> None:
        if self._records.pop((type(record), record.id), None) is not None:
            self._tell(record)

    def clear(self) -> None:
        self._records.clear()

    def now(self) -> dict[tuple[type[Record], str], Record]:
        return {key: record for key, (record, until) in self._records.items() if until > self._clock.now()}

    def _tell(self, record: Record) -> None:
        if isinstance(record, WorkerRecord):
            for listener in self.listeners:
                listener.set()


class MemoryDirectory:
    """A `Directory` on a board; raises `RegistryAway` while it is `away`."""

    def __init__(self, board: MemoryBoard) -> None:
        self._board = board
        self._changed: asyncio.Event | None = None
        self.away = False
        self.closed = False

    async def announce(self, record: Record) -> None:
        self._check()
        self._board.write(record)

    async def withdraw(self, record: Record) -> None:
        self._check()
        self._board.remove(record)

    async def look(self) -> Listing:
        self._check()
        records = self._board.now().values()
        return Listing(
            [record for record in records if isinstance(record, WorkerRecord)],
            [record for record in records if isinstance(record, GatewayRecord)],
        )

    async def changed(self, within_s: float) -> None:
        self._check()
        if self._changed is None:
            self._changed = asyncio.Event()
            self._board.listeners.append(self._changed)
            return
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.away:
            raise RegistryAway("away")


ADA: Final = worker_record("a:0", "a")
BOB: Final = worker_record("b:0", "b")
