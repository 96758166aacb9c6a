from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from common.checkpoint import Checkpoint
from gateway.registry import heartbeat
from gateway.registry.health import Health
from gateway.registry.records import KeptSession, Save, Saved
from gateway.registry.shared_records import AT_ONCE, FINALS_AT_ONCE, SharedRecords
from tests.support.aio import run, until
from tests.support.kept_sessions import HolderNotes, PlainTable, final, kept


class Rig:
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


def scenario(play: Callable[[Rig], Awaitable[None]]) -> Callable[[], None]:
    """Run in a loop, which the records need."""

    def played() -> None:
        async def bounded() -> None:
            await play(Rig())

        run(bounded())

    played.__name__ = play.__name__
    return played


@scenario
async def test_a_session_is_saved_when_it_begins(rig: Rig) -> None:
    await rig.records.beat()
    rig.records.keep(rig.kept)
    assert not rig.records.is_saved(rig.kept)
    await rig.records.work()
    assert (rig.notes.told, rig.records.is_saved(rig.kept)) == ([0], True)


@scenario
async def test_only_what_is_new_is_sent(rig: Rig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    await rig.say(1, 900)
    assert [(save.first, len(save.finals)) for save in rig.table.saves] == [(0, 1), (1, 1)]
    assert rig.notes.told == [500, 900]
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_what_changes_while_it_is_being_saved_is_saved_again(rig: Rig) -> None:
    await rig.begin()
    rig.records.changed(rig.kept)
    rig.kept.settled(Checkpoint(500, 500, 1))
    saving = rig.records.work()
    await saving
    assert rig.records.is_saved(rig.kept)
    # Nothing is lost either where a change comes while the table has not answered yet.
    original = rig.table.save

    async def slow(saves: object) -> object:
        rig.kept.settled(Checkpoint(700, 700, 1))
        rig.table.save = original  # type: ignore[method-assign]
        return await original(saves)  # type: ignore[arg-type]

    rig.table.save = slow  # type: ignore[assignment, method-assign]
    rig.kept.locked(final(1))
    rig.records.changed(rig.kept)
    await rig.records.work()
    assert not rig.records.is_saved(rig.kept)
    await rig.records.work()
    assert (rig.records.is_saved(rig.kept), rig.notes.told[-1]) == (True, 700)


@scenario
async def test_a_table_that_was_emptied_is_filled_again(rig: Rig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    rig.table.records.clear()
    await rig.records.beat()
    await rig.records.work()
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_what_is_missing_is_noticed_by_the_next_save_too(rig: Rig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    rig.table.records.clear()
    await rig.say(1, 900)
    await rig.records.work()
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_while_the_table_is_away_nobody_is_told_of_checkpoints(rig: Rig) -> None:
    await rig.begin()
    rig.table.away = True
    await rig.say(0, 500)
    await rig.say(1, 900)
    assert (rig.notes.told, rig.records.is_saved(rig.kept)) == ([], True)
    rig.table.away = False
    await rig.records.beat()
    await rig.records.work()
    assert (rig.notes.told, rig.table.records["call"]) == ([900], (1, rig.kept.record))


@scenario
async def test_who_wants_to_read_meanwhile_is_told_so(rig: Rig) -> None:
    assert await rig.read() == "unreadable"
    await rig.begin()
    rig.table.away = True
    assert await rig.read() == "unreadable"
    assert (rig.table.calls.count("load"), rig.seen) == (1, [False, True, False])


@scenario
async def test_a_session_that_has_left_is_saved_before_it_is_read(rig: Rig) -> None:
    await rig.begin()
    rig.kept.locked(final(0))
    rig.records.leave(rig.kept)
    rig.records.leave(rig.kept)
    assert await rig.read() == rig.kept.record
    assert rig.records._left == {}


@scenario
async def test_one_that_left_while_the_table_was_away_is_saved_later(rig: Rig) -> None:
    await rig.begin()
    rig.table.away = True
    rig.kept.stopped(900)
    rig.records.leave(rig.kept)
    await rig.records.work()
    rig.table.away = False
    await rig.records.beat()
    await rig.records.work()
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_one_that_nobody_could_resume_any_more_is_forgotten(rig: Rig) -> None:
    await rig.begin()
    rig.table.away = True
    rig.kept.stopped(900)
    rig.records.leave(rig.kept)
    [entry] = rig.records._left
    rig.records._left[entry] = 0.0
    await rig.records.beat()
    assert rig.records._left == {}


@scenario
async def test_what_another_gateway_has_taken_over_is_not_written_any_more(rig: Rig) -> None:
    await rig.begin()
    taken = await rig.table.load("call", 5)
    await rig.say(0, 500)
    assert (rig.notes.told, rig.table.records["call"]) == ([], (5, taken))
    # Until its pin has a greater epoch: then it was a mistake.
    rig.kept.epoch = 6
    await rig.records.beat()
    await rig.records.work()
    assert rig.table.records["call"] == (6, rig.kept.record)


@scenario
async def test_who_has_left_what_another_gateway_has_taken_over_does_not_try_again(rig: Rig) -> None:
    await rig.begin()
    await rig.table.load("call", 5)
    rig.kept.locked(final(0))
    rig.records.leave(rig.kept)
    await rig.records.work()
    assert rig.records._left == {}


@scenario
async def test_many_are_saved_in_parts(rig: Rig) -> None:
    await rig.records.beat()
    for number in range(AT_ONCE + 1):
        rig.records.keep(kept(rig.notes, f"call-{number}"))
    await rig.records.work()
    await rig.records.beat()
    assert rig.table.calls == ["touch", "save", "save", "touch", "touch"]


@scenario
async def test_long_ones_are_saved_in_smaller_parts(rig: Rig) -> None:
    await rig.records.beat()
    for number, finals in enumerate((FINALS_AT_ONCE - 1, 1, 1, 2 * FINALS_AT_ONCE, 1)):
        long = kept(rig.notes, f"call-{number}")
        long.finals = [final(0)] * finals
        rig.records.keep(long)
    await rig.records.work()
    assert rig.table.parts == [["call-0", "call-1"], ["call-2"], ["call-3"], ["call-4"]]


@scenario
async def test_one_session_that_raises_ends_alone(rig: Rig) -> None:
    await rig.records.beat()
    broken = HolderNotes(raises=True)
    rig.records.keep(kept(broken, "broken"))
    rig.records.keep(rig.kept)
    await rig.records.work()
    assert (broken.told, rig.notes.told) == ([0, "broken"], [0])


@scenario
async def test_a_change_of_a_session_that_is_not_kept_changes_nothing(rig: Rig) -> None:
    await rig.begin()
    other: KeptSession = kept(rig.notes, "other")
    rig.records.changed(other)
    await rig.records.work()
    assert (rig.table.saves, rig.records.is_saved(other)) == ([], True)


@pytest.mark.parametrize("seconds", [0.01, 60.0])
def test_running_saves_what_comes_and_what_is_left_at_the_end(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", seconds)

    async def play() -> None:
        rig = Rig()
        running = asyncio.create_task(rig.records.run())
        await until(lambda: rig.table.calls == ["touch"] or seconds < 1)
        rig.records.keep(rig.kept)
        await until(lambda: rig.records.is_saved(rig.kept) and bool(rig.notes.told))
        rig.kept.stopped(900)
        rig.records.leave(rig.kept)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (rig.table.records["call"], rig.table.closed) == ((1, rig.kept.record), True)

    run(play())


def test_what_was_being_saved_at_the_end_is_saved_all_the_same() -> None:
    async def play() -> None:
        rig = Rig()
        answering = rig.table.save

        async def slow(saves: Sequence[Save]) -> list[Saved]:
            rig.table.save = answering  # type: ignore[method-assign]
            await asyncio.Event().wait()
            raise AssertionError("nobody answers")

        running = asyncio.create_task(rig.records.run())
        await until(lambda: rig.seen[-1])
        rig.table.save = slow  # type: ignore[method-assign]
        rig.records.keep(rig.kept)
        rig.records.leave(rig.kept)
        await until(lambda: rig.table.save == answering)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert rig.table.records["call"] == (1, rig.kept.record)

    run(play())
