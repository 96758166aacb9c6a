"""The other instances, as a gateway knows them and is known to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from common.clock import Clock
from common.identity import instance_name
from common.registry.announcer import Announcer
from common.registry.base import GatewayRecord
from common.scrape import TargetGroup, instance_targets
from common.settings import Settings
from gateway.directory_watch import DirectoryWatch
from gateway.host_metrics import HostMetrics
from gateway.host_view import GatewayRow
from gateway.link_keeper import Member


class Neighbours(Protocol):
    def gateways(self) -> list[GatewayRow]:
        """Those of other instances."""
        ...

    def targets(self) -> tuple[TargetGroup, ...]:
        """What Prometheus has to scrape of other instances; may be called on any thread."""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


class NoNeighbours:
    """Of an instance without Redis."""

    def gateways(self) -> list[GatewayRow]:
        return []

    def targets(self) -> tuple[TargetGroup, ...]:
        return ()

    async def run(self) -> None:
        """Nothing to do."""


class SharedNeighbours:
    def __init__(self, watch: DirectoryWatch, announcer: Announcer) -> None:
        self._watch = watch
        self._announcer = announcer

    def gateways(self) -> list[GatewayRow]:
        return self._watch.gateways()

    def targets(self) -> tuple[TargetGroup, ...]:
        return self._watch.targets()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run(), name="directory-watch")
            tasks.create_task(self._announcer.run(), name="announcer")


def make_neighbours(
    settings: Settings,
    follow: Callable[[Iterable[Member]], None],
    row: Callable[[], GatewayRow],
    metrics: HostMetrics,
    clock: Clock,
) -> Neighbours:
    """`follow` is told of the workers of other instances; `row` is this gateway. Raises `UnusableUrl`."""
    if settings.redis_url is None:
        return NoNeighbours()
    # Only now: who has no Redis need not load its client.
    from common.registry.redis_directory import RedisDirectory  # noqa: PLC0415

    instance, targets = instance_name(settings), instance_targets(settings)
    watched, announced_in = RedisDirectory(settings.redis_url), RedisDirectory(settings.redis_url)
    watch = DirectoryWatch(instance, watched, follow, metrics.link_refused, clock)
    return SharedNeighbours(watch, Announcer(announced_in, lambda: _record(instance, row(), targets)))


def _record(instance: str, row: GatewayRow, targets: tuple[TargetGroup, ...]) -> GatewayRecord:
    return GatewayRecord(
        id=row.id,
        instance=instance,
        pid=row.pid or 0,
        state=row.state,
        sessions=row.sessions,
        metrics_url=row.metrics_url,
        targets=targets,
    )
