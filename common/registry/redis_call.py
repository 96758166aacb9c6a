"""How Redis is asked: answered soon or not at all. Whatever goes wrong is `RegistryAway`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from common.registry.base import ANSWER_WITHIN_S, RegistryAway, UnusableUrl

Argument = str | bytes | int | float


def redis_client(url: str) -> Redis:
    """Raises `UnusableUrl`; does not connect before it is asked something."""
    try:
        # One retry, at once: a Redis that was restarted has closed the connection that is tried first.
        # No limit of the library's own: it would send by `wait_for`, which forgets cancellations before
        # Python 3.12.
        client = Redis.from_url(url, retry=Retry(NoBackoff(), 1), socket_timeout=None)
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (RedisError, TypeError, ValueError):
        raise UnusableUrl() from None
    return client


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncIterator[None]:
    """Of the block, which asks Redis. Raises `RegistryAway`; it may have done what was asked all the same."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise RegistryAway(f"no answer within {seconds:g} s") from None
    except (RedisError, OSError) as error:
        # Its kind says enough; what it says may come from the address.
        raise RegistryAway(type(error).__name__) from None


class RedisScripts:
    """Scripts, one step each. Raises `UnusableUrl`; does not connect before the first call."""

    def __init__(self, url: str, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        self._client = redis_client(url)

    async def call(self, script: str, keys: Sequence[str], args: Sequence[Argument]) -> list[Any]:
        """What the script returns. Raises `RegistryAway`; it may have run all the same."""
        async with answered_within(self._answer_within_s):
            # Redis is sent the hash, and the text only if it does not know it.
            answer: list[Any] = await self._client.register_script(script)(keys=keys, args=args)
        return answer

    async def close(self) -> None:
        await self._client.aclose()
