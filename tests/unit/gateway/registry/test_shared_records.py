from __future__ import annotations

from collections.abc import Awaitable, Callable

from common.checkpoint import Checkpoint
from gateway.registry.records import KeptSession, Record
from gateway.registry.shared_records import AT_ONCE, FINALS_AT_ONCE
from tests.support.aio import run
from tests.support.kept_sessions import HolderNotes, final, kept
from tests.support.records_rig import RecordsRig


def scenario(play: Callable[[RecordsRig], Awaitable[None]]) -> Callable[[], None]:
    """Run in a loop, which the records need."""

    def played() -> None:
        async def bounded() -> None:
            await play(RecordsRig())

        run(bounded())

    played.__name__ = play.__name__
    return played


@scenario
async def test_a_session_is_saved_when_it_begins(rig: RecordsRig) -> None:
    await rig.records.beat()
    rig.records.keep(rig.kept)
    assert not rig.records.is_saved(rig.kept)
    await rig.records.work()
    assert (rig.notes.told, rig.records.is_saved(rig.kept)) == ([0], True)


@scenario
async def test_only_what_is_new_is_sent(rig: RecordsRig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    await rig.say(1, 900)
    assert [(save.first, len(save.finals)) for save in rig.table.saves] == [(0, 1), (1, 1)]
    assert rig.notes.told == [500, 900]
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_what_changes_while_it_is_being_saved_is_saved_again(rig: RecordsRig) -> None:
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
async def test_a_table_that_was_emptied_is_filled_again(rig: RecordsRig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    rig.table.records.clear()
    await rig.records.beat()
    await rig.records.work()
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_what_is_missing_is_noticed_by_the_next_save_too(rig: RecordsRig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    rig.table.records.clear()
    await rig.say(1, 900)
    await rig.records.work()
    assert rig.table.records["call"] == (1, rig.kept.record)


@scenario
async def test_while_the_table_is_away_nobody_is_told_of_checkpoints(rig: RecordsRig) -> None:
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
async def test_who_wants_to_read_meanwhile_is_told_so(rig: RecordsRig) -> None:
    assert await rig.read() == "unreadable"
    await rig.begin()
    rig.table.away = True
    assert await rig.read() == "unreadable"
    assert (rig.table.calls.count("load"), rig.seen) == (1, [False, True, False])


@scenario
async def test_what_was_read_is_not_saved_once_more(rig: RecordsRig) -> None:
    await rig.begin()
    await rig.say(0, 500)
    rig.records.leave(rig.kept)
    record = await rig.read()
    assert isinstance(record, Record)
    rig.kept = KeptSession("call", 2, record, rig.notes)
    rig.table.saves.clear()
    rig.records.keep(rig.kept, is_saved=True)
    assert rig.records.is_saved(rig.kept)
    await rig.say(1, 900)
    assert [(save.first, len(save.finals)) for save in rig.table.saves] == [(1, 1)]
    assert rig.table.records["call"] == (2, rig.kept.record)


@scenario
async def test_a_session_that_has_left_is_saved_before_it_is_read(rig: RecordsRig) -> None:
    await rig.begin()
    rig.kept.locked(final(0))
    rig.records.leave(rig.kept)
    rig.records.leave(rig.kept)
    assert await rig.read() == rig.kept.record
    assert rig.records._left == {}


@scenario
async def test_one_that_left_while_the_table_was_away_is_saved_later(rig: RecordsRig) -> None:
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
async def test_one_that_nobody_could_resume_any_more_is_forgotten(rig: RecordsRig) -> None:
    await rig.begin()
    rig.table.away = True
    rig.kept.stopped(900)
    rig.records.leave(rig.kept)
    [entry] = rig.records._left
    rig.records._left[entry] = 0.0
    await rig.records.beat()
    assert rig.records._left == {}


@scenario
async def test_what_another_gateway_has_taken_over_is_not_written_any_more(rig: RecordsRig) -> None:
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
async def test_who_has_left_what_another_gateway_has_taken_over_does_not_try_again(rig: RecordsRig) -> None:
    await rig.begin()
    await rig.table.load("call", 5)
    rig.kept.locked(final(0))
    rig.records.leave(rig.kept)
    await rig.records.work()
    assert rig.records._left == {}


@scenario
async def test_many_are_saved_in_parts(rig: RecordsRig) -> None:
    await rig.records.beat()
    for number in range(AT_ONCE + 1):
        rig.records.keep(kept(rig.notes, f"call-{number}"))
    await rig.records.work()
    await rig.records.beat()
    assert rig.table.calls == ["touch", "save", "save", "touch", "touch"]


@scenario
async def test_long_ones_are_saved_in_smaller_parts(rig: RecordsRig) -> None:
    await rig.records.beat()
    for number, finals in enumerate((FINALS_AT_ONCE - 1, 1, 1, 2 * FINALS_AT_ONCE, 1)):
        long = kept(rig.notes, f"call-{number}")
        long.finals = [final(0)] * finals
        rig.records.keep(long)
    await rig.records.work()
    assert rig.table.parts == [["call-0", "call-1"], ["call-2"], ["call-3"], ["call-4"]]


@scenario
async def test_one_session_that_raises_ends_alone(rig: RecordsRig) -> None:
    await rig.records.beat()
    broken = HolderNotes(raises=True)
    rig.records.keep(kept(broken, "broken"))
    rig.records.keep(rig.kept)
    await rig.records.work()
    assert (broken.told, rig.notes.told) == ([0, "broken"], [0])


@scenario
async def test_a_change_of_a_session_that_is_not_kept_changes_nothing(rig: RecordsRig) -> None:
    await rig.begin()
    other: KeptSession = kept(rig.notes, "other")
    rig.records.changed(other)
    await rig.records.work()
    assert (rig.table.saves, rig.records.is_saved(other)) == ([], True)
