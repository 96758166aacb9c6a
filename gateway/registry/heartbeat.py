"""When a gateway asks a registry: once a second, and in between as soon as there is something to be asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from gateway.registry.base import HEARTBEAT_S
from gateway.registry.health import Health

Ask = Callable[[], Awaitable[None]]


class Heartbeat:
    """Runs `beat` and `settle`, never two at a time."""

    def __init__(self, health: Health, beat: Ask, settle: Ask) -> None:
        self._health = health
        self._beat = beat
        self._settle = settle
        self._to_settle = asyncio.Event()

    def settle_soon(self) -> None:
        self._to_settle.set()

    async def run(self) -> None:
        """Until cancelled."""
        early = False
        while True:
            await self._beat()
            early = await self._settle_for(HEARTBEAT_S, whole=early)

    async def _settle_for(self, seconds: float, *, whole: bool) -> bool:
        """Whether it took less than that: the registry does not answer any more; that may be over in the next
        moment. Never twice in a row: what answers and takes nothing would be asked without a pause."""
        now = asyncio.get_running_loop().time
        until, was_up = now() + seconds, self._health.up
        while (left := until - now()) > 0 and (whole or self._health.up == was_up):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._to_settle.wait()
            self._to_settle.clear()
            await self._settle()
        return left > 0
