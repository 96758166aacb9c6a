"""Pins in Redis. Whatever goes wrong there is `RegistryAway`, soon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.registry.base import EXPIRY_S, KEPT_S, Claim, Pin, RegistryAway
from gateway.registry.scripts import CLAIM, RELEASE, RENEW

KEY_PREFIX: Final = "voxshard:pin:"
ANSWER_WITHIN_S: Final = 0.25


class UnusableUrl(Exception):
    """No connection can be made of this address, which is not repeated: it may hold a password."""


class RedisTable:
    """A `PinTable` for one owner. Raises `UnusableUrl`; does not connect before the first call."""

    def __init__(
        self, url: str, owner: str, expiry_s: float = EXPIRY_S, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._owner = owner
        self._expiry_s = expiry_s
        self._answer_within_s = answer_within_s
        try:
            # One retry, at once: a Redis that was restarted has closed the connection that is tried first.
            self._client = Redis.from_url(url, retry=Retry(NoBackoff(), 1))
            self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except (TypeError, ValueError):
            raise UnusableUrl from None
        self._claim = self._client.register_script(CLAIM)
        self._renew = self._client.register_script(RENEW)
        self._release = self._client.register_script(RELEASE)

    async def claim(self, claims: Sequence[Claim]) -> list[Pin | None]:
        return await self._pins(self._claim, [(claim.session, claim.at_least_epoch) for claim in claims])

    async def renew(self, pins: Sequence[Pin]) -> list[Pin | None]:
        return await self._pins(self._renew, [(pin.session, pin.epoch) for pin in pins])

    async def release(self, pins: Sequence[Pin]) -> None:
        await self._pins(self._release, [(pin.session, pin.epoch) for pin in pins])

    async def close(self) -> None:
        await self._client.aclose()

    async def _pins(self, script: Any, asked: Sequence[tuple[str, int]]) -> list[Pin | None]:
        keys = [KEY_PREFIX + session for session, _ in asked]
        times_ms = (round(self._expiry_s * 1_000), round(KEPT_S * 1_000))
        args = [self._owner, *times_ms, *(epoch for _, epoch in asked)]
        try:
            async with asyncio.timeout(self._answer_within_s):
                epochs = await script(keys=keys, args=args)
        except TimeoutError:
            raise RegistryAway(f"no answer within {self._answer_within_s:g} s") from None
        except (RedisError, OSError) as error:
            # Its kind says enough; what it says may come from the address.
            raise RegistryAway(type(error).__name__) from None
        return [
            Pin(session, epoch, self._owner) if epoch else None
            for (session, _), epoch in zip(asked, epochs, strict=True)
        ]
