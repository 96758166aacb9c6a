"""The secret that all gateways of a deployment share: they place sessions and sign resume tokens with it.

Whoever comes first writes its own into the registry, and the others take that over. So it is there before it
is needed, and an emptied registry is filled again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from common.registry.base import RegistryAway

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
# As many as a registry may have lost in the life of a token.
_MOST: Final = 4


class Seed:
    """What is in force now, and before that what this gateway began with: its tokens are still about."""

    def __init__(self, own: str, *, is_agreed: bool = True) -> None:
        """`is_agreed`: there is nobody to be asked for it."""
        self._all = [own]
        self.is_agreed = is_agreed
        # Whether or not that was answered.
        self.asked = asyncio.Event()

    def current(self) -> str:
        return self._all[0]

    def known(self) -> Sequence[str]:
        """The one in force first."""
        return self._all

    def adopt(self, seed: str) -> None:
        self.is_agreed = True
        if seed != self.current():
            log.info("seed of the deployment taken over")
            self._all = [seed, *(known for known in self._all if known != seed)][:_MOST]


class SeedTable(Protocol):
    async def keep(self, seed: str) -> str:
        """The one that counts: this one if there is none yet. Raises `RegistryAway`."""
        ...

    async def close(self) -> None: ...


async def keep_shared(seed: Seed, table: SeedTable) -> None:
    """Until cancelled. While the registry is away, what is known counts."""
    try:
        while True:
            try:
                seed.adopt(await table.keep(seed.current()))
            except RegistryAway:
                log.debug("seed not compared: registry away")
            seed.asked.set()
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await table.close()
