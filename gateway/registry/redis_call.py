"""Scripts in Redis: one step each, answered soon or not at all. Whatever goes wrong is `RegistryAway`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.registry.base import RegistryAway

ANSWER_WITHIN_S: Final = 0.25

Argument = str | bytes | int | float


class UnusableUrl(Exception):
    """No connection can be made of this address, which is not repeated: it may hold a password."""


class RedisScripts:
    """Raises `UnusableUrl`; does not connect before the first call."""

    def __init__(self, url: str, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        try:
            # One retry, at once: a Redis that was restarted has closed the connection that is tried first.
            self._client = Redis.from_url(url, retry=Retry(NoBackoff(), 1))
            self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except (TypeError, ValueError):
            raise UnusableUrl from None

    async def call(self, script: str, keys: Sequence[str], args: Sequence[Argument]) -> list[Any]:
        """What the script returns. Raises `RegistryAway`; it may have run all the same."""
        try:
            async with asyncio.timeout(self._answer_within_s):
                # Redis is sent the hash, and the text only if it does not know it.
                answer: list[Any] = await self._client.register_script(script)(keys=keys, args=args)
        except TimeoutError:
            raise RegistryAway(f"no answer within {self._answer_within_s:g} s") from None
        except (RedisError, OSError) as error:
            # Its kind says enough; what it says may come from the address.
            raise RegistryAway(type(error).__name__) from None
        return answer

    async def close(self) -> None:
        await self._client.aclose()
