"""A session that another connection, or another gateway, has begun."""

from __future__ import annotations

import pytest

from common.capacity import FIRST_EPOCH
from common.checkpoint import Checkpoint
from common.errors import CannotLookUp, EngineFailed, NoWorker, SessionInUse, SessionUnknown
from common.events import Acked, Moved, Partial, SessionOptions, Stopped, failure
from gateway.hold import Beginning
from gateway.registry.records import Record, RecordHead
from tests.support.kept_sessions import final
from tests.support.relay_rig import RelayRig

RESUMED = Beginning("call", "ada", resumed_epoch=4)
THERE = Checkpoint(audio_from=500, vad_from=600, segment=2)
OPTIONS = SessionOptions("en")
RECORD = Record(RecordHead("ada", OPTIONS, THERE, last_segment=2), (final(0), final(2)))


def rig_with(record: Record | None = RECORD, *, pinned: bool = True) -> RelayRig:
    rig = RelayRig(pinned=pinned, beginning=RESUMED)
    if not pinned:
        rig.holder.pinned()
    [reader] = rig.records.readers
    reader.loaded(record)
    return rig


@pytest.mark.parametrize("pinned", [True, False])
def test_it_goes_on_from_its_record(pinned: bool) -> None:
    rig = rig_with(pinned=pinned)
    assert (rig.pins.claims, rig.records.known) == ([(4, True)], True)
    assert (rig.now.checkpoint, rig.now.options, rig.now.epoch) == (THERE, OPTIONS, FIRST_EPOCH + 1)
    assert (rig.client.told, rig.relay.pin_epoch, rig.relay.record) == ([], 5, RECORD)
    rig.opens()
    rig.speak(100)
    assert (rig.client.told, rig.now.told) == (["opened"], [(500, 600)])


def test_no_worker_is_asked_before_it_is_known() -> None:
    rig = RelayRig(beginning=RESUMED)
    assert (rig.workers.placed, rig.relay.full) == ([], False)


def test_what_is_locked_already_is_not_said_again() -> None:
    rig = rig_with()
    rig.opens()
    rig.relay.event(Partial(2, 1, "again", 0, 100))
    rig.relay.event(final(2, "again"))
    rig.relay.event(final(3, "news"))
    assert rig.client.told == ["opened", final(3, "news")]
    assert rig.records.now.finals == (final(0), final(2), final(3, "news"))


def test_one_that_had_ended_is_told_so_and_needs_no_worker() -> None:
    rig = rig_with(Record(RecordHead("ada", OPTIONS, THERE, 2, heard=900), (final(0),)))
    assert (rig.client.told, rig.workers.placed) == (["opened", Stopped(900)], [])
    assert (rig.pins.holders, rig.records.left) == ({}, True)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (None, SessionUnknown()),
        (Record(RecordHead("bob", OPTIONS)), SessionUnknown()),
        (Record(RecordHead("ada", OPTIONS, failed=EngineFailed.code)), EngineFailed()),
    ],
    ids=["none", "of another tenant", "failed for good"],
)
def test_what_cannot_be_gone_on_with_is_refused(
    record: Record | None, error: SessionUnknown | EngineFailed
) -> None:
    rig = rig_with(record)
    assert (rig.client.told, rig.workers.placed, rig.pins.holders) == ([failure(error)], [], {})
    # Nor is anything written over what is there.
    assert rig.records.kept is None


def test_where_nobody_can_be_asked_the_client_is_told_to_come_again() -> None:
    rig = RelayRig(beginning=RESUMED)
    [reader] = rig.records.readers
    reader.unreadable()
    reader.unreadable()
    assert rig.client.told == [failure(CannotLookUp(retry_after_s=2.0))]
    assert rig.pins.holders == {}


def test_a_client_that_leaves_meanwhile_is_told_nothing() -> None:
    rig = RelayRig(beginning=RESUMED)
    rig.relay.close()
    [reader] = rig.records.readers
    reader.loaded(RECORD)
    reader.unreadable()
    assert (rig.client.told, rig.workers.placed, rig.pins.holders) == ([], [], {})


def test_without_a_worker_its_record_stays() -> None:
    rig = RelayRig(beginning=RESUMED)
    rig.workers.ready.clear()
    [reader] = rig.records.readers
    reader.loaded(RECORD)
    assert (rig.client.told, rig.records.left) == ([failure(NoWorker())], True)
    assert rig.records.now == RECORD


def test_what_is_said_and_settled_is_written_down() -> None:
    rig = RelayRig()
    assert rig.records.now == Record(RecordHead("", SessionOptions()))
    rig.opens()
    rig.relay.event(final(0))
    rig.relay.settled(THERE)
    rig.relay.configure(OPTIONS)
    rig.relay.event(Stopped(900))
    assert rig.records.now == Record(RecordHead("", OPTIONS, THERE, 0, heard=900), (final(0),))
    assert rig.records.changes == 4


def test_what_ends_a_session_for_good_is_written_down() -> None:
    rig = RelayRig()
    for _ in range(2):
        rig.opens()
        rig.fail(EngineFailed)
    assert rig.client.told[-1] == failure(EngineFailed())
    assert (rig.records.now.head.failed, rig.records.left) == (EngineFailed.code, True)


def test_one_that_another_gateway_has_is_left_as_it_is() -> None:
    rig = RelayRig()
    rig.opens()
    rig.holder.taken()
    assert rig.client.told[-1] == failure(SessionInUse())
    assert (rig.records.now.head.failed, rig.records.left) == (None, True)


def test_the_client_is_told_what_has_been_saved_while_it_is_there() -> None:
    rig = RelayRig()
    rig.relay.saved(Checkpoint())
    rig.opens()
    rig.relay.saved(THERE)
    rig.relay.close()
    rig.relay.saved(Checkpoint(900, 900, 3))
    assert rig.client.told == ["opened", Acked(500)]


def test_it_is_at_rest_when_nothing_is_half_said_and_all_is_saved() -> None:
    rig = RelayRig()
    seen = [rig.relay.at_rest]
    rig.opens()
    seen.append(rig.relay.at_rest)
    rig.records.saved = False
    seen.append(rig.relay.at_rest)
    assert seen == [False, True, False]


def test_it_moves_like_any_other() -> None:
    rig = rig_with()
    rig.opens()
    rig.speak(100)
    rig.lose()
    rig.opens()
    assert (rig.client.told[-1], rig.now.checkpoint, rig.now.told) == (Moved("1"), THERE, [(500, 600)])
