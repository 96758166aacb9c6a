"""Records in this process: enough for clients that lose their connection, not for gateways that end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from common.clock import Clock
from gateway.boundary import tell
from gateway.registry.records import RESUME_WITHIN_S, KeptSession, Record, RecordReader

_LOOK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Left:
    """No more of a session than that: all else of it is to be free now."""

    record: Record
    until: float


class MemoryRecords:
    """`SessionRecords` that never waits."""

    def __init__(self, clock: Clock, within_s: float = RESUME_WITHIN_S) -> None:
        self._clock = clock
        self._within_s = within_s
        self._live: dict[str, KeptSession] = {}
        # Those left last stand last.
        self._left: dict[str, _Left] = {}

    def keep(self, kept: KeptSession, *, is_saved: bool = False) -> None:
        self._left.pop(kept.session, None)
        self._live[kept.session] = kept

    def changed(self, kept: KeptSession) -> None:
        kept.holder.saved(kept.head.checkpoint)

    def leave(self, kept: KeptSession) -> None:
        if self._live.pop(kept.session, None) is not None:
            self._left[kept.session] = _Left(kept.record, self._clock.now() + self._within_s)

    def is_saved(self, kept: KeptSession) -> bool:
        """All that this process will ever do for it."""
        return True

    def load(self, session: str, epoch: int, reader: RecordReader) -> None:
        self.forget_old()
        left = self._left.get(session)
        record = None if left is None else left.record
        # Not within this call, like where it takes a while.
        asyncio.get_running_loop().call_soon(tell, reader, reader.loaded, record)

    async def run(self) -> None:
        while True:
            self.forget_old()
            await asyncio.sleep(_LOOK_EVERY_S)

    def forget_old(self) -> None:
        while self._left:
            session, left = next(iter(self._left.items()))
            if left.until > self._clock.now():
                return
            del self._left[session]
