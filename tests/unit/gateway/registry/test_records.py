from __future__ import annotations

from common.checkpoint import Checkpoint
from common.events import SessionOptions
from gateway.registry.records import KeptSession, Record, RecordHead
from tests.support.kept_sessions import HolderNotes, final


def test_a_record_is_what_was_said_and_where_to_go_on() -> None:
    kept = KeptSession("call", 3, Record(RecordHead("ada", SessionOptions())), HolderNotes())
    kept.locked(final(0, "one"))
    kept.locked(final(1, ""))
    kept.settled(Checkpoint(500, 600, 2))
    kept.configured(SessionOptions("en"))
    assert kept.record == Record(
        RecordHead("ada", SessionOptions("en"), Checkpoint(500, 600, 2), last_segment=1), (final(0, "one"),)
    )


def test_its_end_belongs_to_it() -> None:
    kept = KeptSession("call", 3, Record(RecordHead("ada", SessionOptions())), HolderNotes())
    kept.stopped(900)
    kept.failed("engine_failed")
    assert (kept.record.head.heard, kept.record.head.failed) == (900, "engine_failed")


def test_a_record_that_is_taken_is_not_changed_by_what_follows() -> None:
    kept = KeptSession("call", 3, Record(RecordHead("", SessionOptions())), HolderNotes())
    before = kept.record
    kept.locked(final(0, "one"))
    assert before.finals == ()
