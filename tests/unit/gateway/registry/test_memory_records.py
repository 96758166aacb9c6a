from __future__ import annotations

import asyncio

from common.checkpoint import Checkpoint
from gateway.registry.memory_records import MemoryRecords
from tests.support.aio import run, turns
from tests.support.clock import ManualClock
from tests.support.kept_sessions import HolderNotes, final, kept


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.records = MemoryRecords(self.clock, within_s=120.0)
        self.notes = HolderNotes()
        self.kept = kept(self.notes)
        self.records.keep(self.kept)

    def loaded(self, session: str = "call") -> object:
        """What somebody who resumes is told, in the next turn of the loop."""
        reader = HolderNotes()

        async def load() -> None:
            self.records.load(session, 2, reader)
            assert reader.told == []
            await turns()

        run(load())
        [told] = reader.told
        return told


def test_what_changes_is_saved_at_once() -> None:
    rig = Rig()
    rig.kept.settled(Checkpoint(500, 600, 2))
    rig.records.changed(rig.kept)
    assert (rig.notes.told, rig.records.is_saved(rig.kept)) == ([500], True)


def test_a_session_that_was_left_can_be_read_as_it_was() -> None:
    rig = Rig()
    rig.kept.locked(final(0))
    assert rig.loaded() is None
    rig.records.leave(rig.kept)
    rig.records.leave(rig.kept)
    assert rig.loaded() == rig.kept.record
    assert rig.loaded("other") is None


def test_it_is_forgotten_after_a_while() -> None:
    rig = Rig()
    rig.records.leave(rig.kept)
    rig.clock.advance(119.0)
    later = kept(rig.notes, "later")
    rig.records.keep(later)
    rig.records.leave(later)
    rig.clock.advance(2.0)
    assert rig.loaded() is None
    assert rig.loaded("later") == later.record


def test_one_that_goes_on_is_not_forgotten() -> None:
    rig = Rig()
    rig.records.leave(rig.kept)
    rig.records.keep(again := kept(rig.notes))
    rig.clock.advance(500.0)
    rig.records.leave(again)
    assert rig.loaded() == again.record


def test_a_reader_that_raises_is_ended() -> None:
    rig, reader = Rig(), HolderNotes(raises=True)

    async def load() -> None:
        rig.records.load("call", 2, reader)
        await turns()

    run(load())
    assert reader.told == [None, "broken"]


def test_running_forgets_what_is_old() -> None:
    rig = Rig()
    rig.records.leave(rig.kept)
    rig.clock.advance(121.0)

    async def scenario() -> None:
        running = asyncio.create_task(rig.records.run())
        await turns()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(scenario())
    assert rig.records._left == {}
