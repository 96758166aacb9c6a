"""Watches the directory for the workers and gateways of other instances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from common.clock import Clock
from common.link_auth import Refusal
from common.registry.base import (
    HEARTBEAT_S,
    Directory,
    GatewayRecord,
    Listing,
    Record,
    RegistryAway,
    WorkerRecord,
)
from common.scrape import TargetGroup
from gateway.dialing import over_tcp
from gateway.host_view import GatewayRow
from gateway.link_keeper import Member
from gateway.roster import Roster
from gateway.scrape_targets import OtherTargets

log = logging.getLogger(__name__)

_AGAIN_S: Final = 0.5


class DirectoryWatch:
    def __init__(
        self,
        instance: str,
        directory: Directory,
        follow: Callable[[Iterable[Member]], None],
        refused: Callable[[Refusal], None],
        clock: Clock,
    ) -> None:
        """`follow` is told of the workers of other instances, `refused` of links to them that failed to prove
        who is there."""
        self._instance = instance
        self._directory = directory
        self._follow = follow
        self._refused = refused
        self._clock = clock
        self._roster = Roster(instance)
        self._gateways: list[GatewayRow] = []
        self._targets = OtherTargets()
        self._up: bool | None = None

    def gateways(self) -> list[GatewayRow]:
        """Of other instances."""
        return self._gateways

    def targets(self) -> tuple[TargetGroup, ...]:
        return self._targets.all

    async def run(self) -> None:
        """Until cancelled. The directory is closed then."""
        try:
            while True:
                await self.beat()
        finally:
            await self._directory.close()

    async def beat(self) -> None:
        """Wait for a change, for a heartbeat at most, and look at all there is: what was not heard of costs
        one heartbeat."""
        try:
            await self._directory.changed(HEARTBEAT_S)
            self._heard(await self._directory.look())
        except RegistryAway as error:
            self._away(error)
            await asyncio.sleep(_AGAIN_S)

    def _heard(self, listing: Listing) -> None:
        if self._up is not True:
            log.info("worker directory answers")
        self._up = True
        now = self._clock.now()
        self._roster.heard(listing.workers, now)
        self._targets.heard(filter(self._is_elsewhere, [*listing.workers, *listing.gateways]), now)
        self._gateways = [_row(record) for record in listing.gateways if self._is_elsewhere(record)]
        self._follow([self._member(record) for record in self._roster.members])

    def _is_elsewhere(self, record: Record) -> bool:
        return record.instance != self._instance

    def _away(self, error: RegistryAway) -> None:
        if self._up is not False:
            log.warning("worker directory away: the last known workers are used", extra={"cause": str(error)})
        self._up = False
        self._roster.not_heard()

    def _member(self, record: WorkerRecord) -> Member:
        return Member(record.id, record.instance, over_tcp(record, self._refused), record.incarnation)


def _row(record: GatewayRecord) -> GatewayRow:
    return GatewayRow(record.id, record.pid, record.state, record.sessions, record.metrics_url)
