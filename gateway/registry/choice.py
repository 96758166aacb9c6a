"""Which registry a gateway has: its own memory, or a Redis that it shares with others."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.clock import Clock
from common.registry.base import UnusableUrl
from gateway.boot import BootFailed
from gateway.hold import Registry
from gateway.metrics import GatewayMetrics
from gateway.registry.health import Health
from gateway.registry.memory import MemoryPins, MemoryTable
from gateway.registry.memory_records import MemoryRecords
from gateway.registry.seed import Seed, SeedTable, keep_shared
from gateway.registry.shared import SharedPins
from gateway.registry.shared_records import SharedRecords

if TYPE_CHECKING:
    from common.registry.redis_call import RedisScripts


@dataclass(frozen=True, slots=True)
class GatewayRegistry:
    """`seed_table`: where others have theirs; None where there are no others."""

    sessions: Registry
    seed: Seed
    seed_table: SeedTable | None = None

    async def asked(self) -> None:
        """Return once the seed of the deployment is known, or it is known that Redis is away: tokens signed
        before that would be nobody else's. `run` has to run."""
        if self.seed_table is not None:
            await self.seed.asked.wait()

    async def run(self) -> None:
        """Keep it until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sessions.pins.run(), name="session-pins")
            tasks.create_task(self.sessions.records.run(), name="session-records")
            if self.seed_table is not None:
                tasks.create_task(keep_shared(self.seed, self.seed_table), name="seed")


def make_registry(redis_url: str | None, seed: str, clock: Clock, metrics: GatewayMetrics) -> GatewayRegistry:
    """Raises `BootFailed` for an address that cannot be used; a Redis that is away is no hindrance."""
    if redis_url is None:
        pins = MemoryPins(MemoryTable(clock), owner="self")
        return GatewayRegistry(Registry(pins, MemoryRecords(clock)), Seed(seed))
    return _on_redis(redis_url, seed, metrics)


def _on_redis(redis_url: str, seed: str, metrics: GatewayMetrics) -> GatewayRegistry:
    owner, health = (
        unique_owner(),
        Health(metrics.shared.registry_up, "session ids are unique in this gateway only"),
    )
    pin_scripts, record_scripts, seed_scripts = (redis_scripts(redis_url) for _ in range(3))
    from gateway.registry.redis import RedisTable  # noqa: PLC0415 - as below
    from gateway.registry.redis_records import RedisRecords  # noqa: PLC0415
    from gateway.registry.redis_seed import RedisSeed  # noqa: PLC0415

    pins = SharedPins(RedisTable(pin_scripts, owner), owner, health)
    records_health = Health(metrics.shared.records_shared, "sessions cannot be resumed at other gateways")
    records = SharedRecords(RedisRecords(record_scripts), records_health)
    return GatewayRegistry(Registry(pins, records), Seed(seed, is_agreed=False), RedisSeed(seed_scripts))


def redis_scripts(redis_url: str) -> RedisScripts:
    """On a connection of their own. Raises `BootFailed` for an address that cannot be used."""
    # Only now: who has no Redis need not load its client.
    from common.registry.redis_call import RedisScripts  # noqa: PLC0415

    try:
        return RedisScripts(redis_url)
    except UnusableUrl as error:
        raise BootFailed(str(error)) from None


def unique_owner() -> str:
    """This process's and no other's, whichever comes after it with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
