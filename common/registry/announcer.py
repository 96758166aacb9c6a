"""Keeps the record of this process in the directory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import random
from typing import Final

from common.registry.base import HEARTBEAT_S, Directory, Record, RegistryAway

log = logging.getLogger(__name__)

# Processes that were started together are not to speak together for ever.
_JITTER: Final = 0.2


class Announcer:
    def __init__(self, directory: Directory, record: Callable[[], Record]) -> None:
        """`record` is asked at every heartbeat. The directory is closed at the end."""
        self._directory = directory
        self._record = record
        self._up: bool | None = None

    async def run(self) -> None:
        """Until cancelled, which takes the record away."""
        try:
            while True:
                await self.beat()
                await asyncio.sleep(HEARTBEAT_S * (1 - _JITTER * random()))
        finally:
            await self._end()

    async def beat(self) -> None:
        try:
            await self._directory.announce(self._record())
        except RegistryAway as error:
            if self._up is not False:
                log.warning("not announced: the directory is away", extra={"cause": str(error)})
            self._up = False
        else:
            if self._up is not True:
                log.info("announced in the directory")
            self._up = True

    async def _end(self) -> None:
        try:
            await self._directory.withdraw(self._record())
        except RegistryAway as error:
            log.info("not withdrawn: the record runs out", extra={"cause": str(error)})
        await self._directory.close()
