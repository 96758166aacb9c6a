"""Pins in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.registry.redis_call import RedisScripts
from gateway.registry.base import EXPIRY_S, KEPT_S, Claim, Pin
from gateway.registry.scripts import CLAIM, RELEASE, RENEW

KEY_PREFIX: Final = "voxshard:pin:"


class RedisTable:
    """A `PinTable` for one owner."""

    def __init__(self, scripts: RedisScripts, owner: str, expiry_s: float = EXPIRY_S) -> None:
        self._scripts = scripts
        self._owner = owner
        self._expiry_s = expiry_s

    async def claim(self, claims: Sequence[Claim]) -> list[Pin | None]:
        asked = [(claim.session, claim.at_least_epoch) for claim in claims]
        take_over, tenants = [int(claim.takes_over) for claim in claims], [claim.tenant for claim in claims]
        return await self._pins(CLAIM, asked, [*take_over, *tenants])

    async def renew(self, pins: Sequence[Pin]) -> list[Pin | None]:
        return await self._pins(RENEW, [(pin.session, pin.epoch) for pin in pins])

    async def release(self, pins: Sequence[Pin]) -> None:
        await self._pins(RELEASE, [(pin.session, pin.epoch) for pin in pins])

    async def close(self) -> None:
        await self._scripts.close()

    async def _pins(
        self, script: str, asked: Sequence[tuple[str, int]], more: Sequence[str | int] = ()
    ) -> list[Pin | None]:
        keys = [KEY_PREFIX + session for session, _ in asked]
        times_ms = (round(self._expiry_s * 1_000), round(KEPT_S * 1_000))
        args: list[str | int] = [self._owner, *times_ms, *(epoch for _, epoch in asked), *more]
        epochs = await self._scripts.call(script, keys, args)
        return [
            Pin(session, epoch, self._owner) if epoch else None
            for (session, _), epoch in zip(asked, epochs, strict=True)
        ]
