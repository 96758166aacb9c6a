"""Which quotas a gateway has."""

from __future__ import annotations

from common.clock import Clock
from gateway.metrics import GatewayMetrics
from gateway.quotas.base import Quotas
from gateway.quotas.memory import MemoryQuotas
from gateway.quotas.shared import SharedQuotas
from gateway.registry.choice import redis_scripts, unique_owner
from gateway.registry.health import Health


def make_quotas(redis_url: str | None, clock: Clock, metrics: GatewayMetrics) -> Quotas:
    """Raises `BootFailed` for an address that cannot be used; a Redis that is away is no hindrance."""
    if redis_url is None:
        return MemoryQuotas(clock)
    scripts = redis_scripts(redis_url)
    # Only now: who has no Redis need not load its client.
    from gateway.quotas.redis import RedisUse  # noqa: PLC0415

    health = Health(metrics.shared.quotas_shared, "quotas count in this gateway only")
    return SharedQuotas(RedisUse(scripts, unique_owner()), health, clock)
