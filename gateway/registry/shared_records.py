"""Records of a gateway that shares their table with others, and goes on without it.

Nobody waits for a record to be saved: what a client has heard and the table has not is said again when the
session is resumed, from the same audio. So sessions are told of a checkpoint only once it has been saved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from common.registry.base import RegistryAway
from gateway.boundary import tell
from gateway.registry.health import Health
from gateway.registry.heartbeat import Heartbeat
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
# A table that was emptied wants all finals again.
AT_ONCE: Final = 100
FINALS_AT_ONCE: Final = 1_000


@dataclass(slots=True, eq=False)
class _Entry:
    """A record, and how much of it the table has: the head as it was, and so many finals."""

    kept: KeptSession
    head: RecordHead | None = None
    finals: int = 0

    @property
    def is_saved(self) -> bool:
        return self.head is self.kept.head

    @property
    def unsaved_finals(self) -> int:
        return len(self.kept.finals) - self.finals

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


class SharedRecords:
    """`SessionRecords` on a `RecordTable`."""

    def __init__(self, table: RecordTable, health: Health) -> None:
        self._table = table
        self._health = health
        self._live: dict[str, _Entry] = {}
        # Not saved yet, and until when somebody may want them.
        self._left: dict[_Entry, float] = {}
        # What is to be done, in the order of its coming and once each; `work` empties both.
        self._to_save: dict[_Entry, None] = {}
        self._to_load: list[_Wanted] = []
        self._heartbeat = Heartbeat(health, self.beat, self.work)

    def keep(self, kept: KeptSession, *, is_saved: bool = False) -> None:
        entry = self._live[kept.session] = _Entry(kept)
        if is_saved:
            entry.head, entry.finals = kept.head, len(kept.finals)
        else:
            self._save_soon(entry)

    def changed(self, kept: KeptSession) -> None:
        entry = self._live.get(kept.session)
        if entry is not None:
            self._save_soon(entry)

    def leave(self, kept: KeptSession) -> None:
        entry = self._live.pop(kept.session, None)
        if entry is not None and not entry.is_saved:
            self._left[entry] = asyncio.get_running_loop().time() + RESUME_WITHIN_S
            self._save_soon(entry)

    def is_saved(self, kept: KeptSession) -> bool:
        entry = self._live.get(kept.session)
        return not self._health.up or entry is None or entry.is_saved

    def load(self, session: str, epoch: int, reader: RecordReader) -> None:
        self._to_load.append(_Wanted(session, epoch, reader))
        self._heartbeat.settle_soon()

    def _save_soon(self, entry: _Entry) -> None:
        self._to_save[entry] = None
        self._heartbeat.settle_soon()

    async def run(self) -> None:
        try:
            await self._heartbeat.run()
        finally:
            # Also what was being saved just now.
            self._find_unsaved()
            await self.work()
            await self._table.close()

    async def beat(self) -> None:
        """Say of all that they live, and find those that the table has lost."""
        self._forget_old()
        try:
            for some in _parts(list(self._live.values())) or [[]]:
                self._touched(some, await self._table.touch([entry.kept.session for entry in some]))
        except RegistryAway as error:
            self._health.failed(error)
        else:
            self._health.answered()
            self._find_unsaved()

    def _find_unsaved(self) -> None:
        for entry in (*self._left, *self._live.values()):
            if not entry.is_saved:
                self._save_soon(entry)

    async def work(self) -> None:
        """Save what has changed, then load what is wanted: it may be among the other."""
        saves, self._to_save = self._to_save, {}
        loads, self._to_load = self._to_load, []
        if not self._health.up:
            # What is not saved is found by the next heartbeat that is answered.
            self._refuse(loads)
            return
        try:
            for some in _affordable(saves):
                await self._save(some)
            while loads:
                await self._load(loads[0])
                del loads[0]
        except RegistryAway as error:
            self._health.failed(error)
            self._refuse(loads)

    def _refuse(self, loads: Sequence[_Wanted]) -> None:
        for wanted in loads:
            tell(wanted.reader, wanted.reader.unreadable)

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
                # Fenced. Either the pin says so too, or its next heartbeat brings a greater epoch; of who has
                # left there is no pin any more.
                log.warning("record fenced", extra={"session": save.session})
                self._left.pop(entry, None)
                return
        if entry.is_saved:
            self._left.pop(entry, None)
        else:
            self._save_soon(entry)

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


def _affordable(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Parts to be saved in one call each; a record is never divided."""
    some: list[_Entry] = []
    finals = 0
    for entry in entries:
        if len(some) == AT_ONCE or (some and finals + entry.unsaved_finals > FINALS_AT_ONCE):
            yield some
            some, finals = [], 0
        some.append(entry)
        finals += entry.unsaved_finals
    if some:
        yield some
