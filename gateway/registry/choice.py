"""Which registry a gateway has."""

from __future__ import annotations

import os
import secrets
import socket

from common.clock import Clock
from gateway.boot import BootFailed
from gateway.metrics import GatewayMetrics
from gateway.registry.base import SessionPins
from gateway.registry.health import Health
from gateway.registry.memory import MemoryPins, MemoryTable
from gateway.registry.shared import SharedPins


def make_pins(redis_url: str | None, clock: Clock, metrics: GatewayMetrics) -> SessionPins:
    """Raises `BootFailed` for an address that cannot be used; a Redis that is away is no hindrance."""
    if redis_url is None:
        return MemoryPins(MemoryTable(clock), owner="self")
    # Only now: who has no Redis need not load its client.
    from gateway.registry.redis import RedisTable  # noqa: PLC0415
    from gateway.registry.redis_call import RedisScripts, UnusableUrl  # noqa: PLC0415

    owner = unique_owner()
    try:
        table = RedisTable(RedisScripts(redis_url), owner)
    except UnusableUrl:
        raise BootFailed("redis_url: the options of this address cannot be used") from None
    return SharedPins(table, owner, Health(metrics))


def unique_owner() -> str:
    """This process's and no other's, whichever comes after it with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
