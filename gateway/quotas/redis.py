"""The use of all gateways in Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from common.registry.redis_call import RedisScripts
from gateway.quotas.base import Share, Use
from gateway.quotas.script import EXCHANGE
from gateway.registry.base import EXPIRY_S

STREAMS_PREFIX: Final = "voxshard:streams:"
AUDIO_PREFIX: Final = "voxshard:audio:"


class RedisUse:
    """A `UseTable` for one owner."""

    def __init__(self, scripts: RedisScripts, owner: str, expiry_s: float = EXPIRY_S) -> None:
        self._scripts = scripts
        self._owner = owner
        self._expiry_ms = round(expiry_s * 1_000)

    async def exchange(self, uses: Sequence[Use]) -> list[Share]:
        keys = [prefix + use.tenant.id for use in uses for prefix in (STREAMS_PREFIX, AUDIO_PREFIX)]
        args = [self._owner, self._expiry_ms, *(arg for use in uses for arg in _args(use))]
        answers = await self._scripts.call(EXCHANGE, keys, args)
        return [Share(granted, elsewhere, float(left)) for granted, elsewhere, left in answers]

    async def close(self) -> None:
        await self._scripts.close()


def _args(use: Use) -> Iterator[str | int | float]:
    quotas = (use.tenant.streams, use.inside, use.wanted, use.tenant.audio_seconds_per_minute)
    for value in (*quotas, use.left_s, use.heard_s):
        yield "" if value is None else value
