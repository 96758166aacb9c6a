"""Records of a gateway that shares their table with others, and goes on without it.

Nobody waits for a record to be saved: what a client has heard and the table has not is said again when the
session is resumed, from the same audio. So sessions are told of a checkpoint only once it has been saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from common.registry.base import RegistryAway
from gateway.boundary import tell
from gateway.registry.base import HEARTBEAT_S
from gateway.registry.records import (
    RESUME_WITHIN_S,
    KeptSession,
    RecordHead,
    RecordReader,
    RecordTable,
    Save,
    Saved,
)

log = logging.getLogger(__name__)

# Of one call, so that neither Redis nor this process is busy with it for more than a few milliseconds.
AT_ONCE: Final = 100


@dataclass(slots=True, eq=False)
class _Entry:
    """A record, and how much of it the table has: the head as it was, and so many finals."""

    kept: KeptSession
    head: RecordHead | None = None
    finals: int = 0

    @property
    def is_saved(self) -> bool:
        return self.head is self.kept.head

    def unsaved(self) -> Save:
        kept = self.kept
        return Save(kept.session, kept.epoch, kept.head, self.finals, tuple(kept.finals[self.finals :]))

    def saved(self, save: Save) -> None:
        self.head = save.head
        self.finals = save.first + len(save.finals)

    def lost(self) -> None:
        """The table has nothing of it."""
        self.head, self.finals = None, 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    session: str
    epoch: int
    reader: RecordReader


@dataclass(slots=True)
class _Errands:
    """What is to be done; in dictionaries, in the order of its coming and once each."""

    saves: dict[_Entry, None] = field(default_factory=dict)
    loads: list[_Wanted] = field(default_factory=list)
    come: asyncio.Event = field(default_factory=asyncio.Event)

    def save(self, entry: _Entry) -> None:
        self.saves[entry] = None
        self.come.set()

    def load(self, wanted: _Wanted) -> None:
        self.loads.append(wanted)
        self.come.set()

    def taken(self) -> tuple[list[_Entry], list[_Wanted]]:
        self.come.clear()
        saves, self.saves = list(self.saves), {}
        loads, self.loads = self.loads, []
        return saves, loads


class SharedRecords:
    """`SessionRecords` on a `RecordTable`."""

    def __init__(self, table: RecordTable) -> None:
        self._table = table
        self._live: dict[str, _Entry] = {}
        # Not saved yet, and until when somebody may want them.
        self._left: dict[_Entry, float] = {}
        self._errands = _Errands()
        self._up = False

    def keep(self, kept: KeptSession) -> None:
        entry = self._live[kept.session] = _Entry(kept)
        self._errands.save(entry)

    def changed(self, kept: KeptSession) -> None:
        entry = self._live.get(kept.session)
        if entry is not None:
            self._errands.save(entry)

    def leave(self, kept: KeptSession) -> None:
        entry = self._live.pop(kept.session, None)
        if entry is not None and not entry.is_saved:
            self._left[entry] = asyncio.get_running_loop().time() + RESUME_WITHIN_S
            self._errands.save(entry)

    def is_saved(self, kept: KeptSession) -> bool:
        entry = self._live.get(kept.session)
        return not self._up or entry is None or entry.is_saved

    def load(self, session: str, epoch: int, reader: RecordReader) -> None:
        self._errands.load(_Wanted(session, epoch, reader))

    async def run(self) -> None:
        try:
            while True:
                await self.beat()
                await self._work_for(HEARTBEAT_S)
        finally:
            await self.work()
            await self._table.close()

    async def _work_for(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time
        until = now() + seconds
        while (left_s := until - now()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._errands.come.wait()
            await self.work()

    async def beat(self) -> None:
        """Say of all that they live, and find those that the table has lost."""
        self._forget_old()
        try:
            for some in _parts(list(self._live.values())) or [[]]:
                self._touched(some, await self._table.touch([entry.kept.session for entry in some]))
        except RegistryAway as error:
            self._failed(error)
        else:
            self._up = True
            for entry in (*self._left, *self._live.values()):
                if not entry.is_saved:
                    self._errands.save(entry)

    async def work(self) -> None:
        """Save what has changed, then load what is wanted: it may be among the other."""
        saves, loads = self._errands.taken()
        try:
            self._require_up()
            for some in _parts(saves):
                await self._save(some)
            while loads:
                await self._load(loads[0])
                del loads[0]
        except RegistryAway as error:
            # What is not saved is found by the next heartbeat that is answered.
            self._failed(error)
            for wanted in loads:
                tell(wanted.reader, wanted.reader.unreadable)

    def _failed(self, error: RegistryAway) -> None:
        if self._up:
            log.warning("records cannot be saved", extra={"cause": str(error)})
        self._up = False

    def _require_up(self) -> None:
        if not self._up:
            raise RegistryAway("away")

    async def _save(self, entries: Sequence[_Entry]) -> None:
        saves = [entry.unsaved() for entry in entries]
        for entry, save, saved in zip(entries, saves, await self._table.save(saves), strict=True):
            self._answered(entry, save, saved)

    def _answered(self, entry: _Entry, save: Save, saved: Saved) -> None:
        match saved:
            case Saved.KEPT:
                entry.saved(save)
                tell(entry.kept.holder, entry.kept.holder.saved, save.head.checkpoint)
            case Saved.UNKNOWN:
                entry.lost()
            case _:
                # Fenced. Either the pin says so too, or its next heartbeat brings a greater epoch.
                log.warning("record fenced", extra={"session": save.session})
                return
        if entry.is_saved:
            self._left.pop(entry, None)
        else:
            self._errands.save(entry)

    async def _load(self, wanted: _Wanted) -> None:
        record = await self._table.load(wanted.session, wanted.epoch)
        tell(wanted.reader, wanted.reader.loaded, record)

    def _touched(self, entries: Sequence[_Entry], there: Sequence[bool]) -> None:
        for entry, is_there in zip(entries, there, strict=True):
            if not is_there:
                entry.lost()

    def _forget_old(self) -> None:
        now = asyncio.get_running_loop().time()
        for entry in [entry for entry, until in self._left.items() if until <= now]:
            del self._left[entry]


def _parts(entries: Sequence[_Entry]) -> list[Sequence[_Entry]]:
    return [entries[first : first + AT_ONCE] for first in range(0, len(entries), AT_ONCE)]
