"""The records of a gateway, one session among them, on a table that the test can take away."""

from __future__ import annotations

from common.checkpoint import Checkpoint
from gateway.registry.health import Health
from gateway.registry.shared_records import SharedRecords
from tests.support.kept_sessions import HolderNotes, PlainTable, final, kept


class RecordsRig:
    def __init__(self) -> None:
        self.table = PlainTable()
        self.seen: list[bool] = []
        self.records = SharedRecords(self.table, Health(self.seen.append, "alone"))
        self.notes = HolderNotes()
        self.kept = kept(self.notes)

    async def begin(self) -> None:
        """One session, and all of it saved."""
        await self.records.beat()
        self.records.keep(self.kept)
        await self.records.work()
        self.notes.told.clear()
        self.table.saves.clear()

    async def say(self, segment: int, audio_from: int) -> None:
        self.kept.locked(final(segment))
        self.kept.settled(Checkpoint(audio_from, audio_from, segment + 1))
        self.records.changed(self.kept)
        await self.records.work()

    async def read(self, epoch: int = 2) -> object:
        reader = HolderNotes()
        self.records.load("call", epoch, reader)
        await self.records.work()
        [told] = reader.told
        return told
