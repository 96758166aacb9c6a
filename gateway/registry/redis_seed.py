"""The seed of a deployment in Redis."""

from __future__ import annotations

from typing import Final

from common.registry.redis_call import RedisScripts

KEY: Final = "voxshard:seed"
_KEEP: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return {redis.call('GET', KEYS[1])}
"""


class RedisSeed:
    """A `SeedTable`."""

    def __init__(self, scripts: RedisScripts) -> None:
        self._scripts = scripts

    async def keep(self, seed: str) -> str:
        [kept] = await self._scripts.call(_KEEP, [KEY], [seed])
        return str(kept, "utf-8")

    async def close(self) -> None:
        await self._scripts.close()
