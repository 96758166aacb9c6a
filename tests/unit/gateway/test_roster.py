from __future__ import annotations

import msgspec

from common.link import LINK_VERSION
from common.registry.base import WorkerRecord
from gateway.roster import GONE_AFTER_S, Roster
from tests.support.directories import ADA, worker_record


def of_another_version(record: WorkerRecord) -> WorkerRecord:
    return msgspec.structs.replace(record, link_version=LINK_VERSION - 1)


def ids(roster: Roster) -> list[str]:
    return [member.id for member in roster.members]


def test_workers_of_other_instances_that_speak_this_version_are_members() -> None:
    roster = Roster("a")
    roster.heard([worker_record("b:0"), ADA, of_another_version(worker_record("b:1"))], 0.0)
    assert ids(roster) == ["b:0"]


def test_a_new_process_replaces_the_one_before() -> None:
    roster = Roster("a")
    for incarnation in ("first", "second"):
        roster.heard([worker_record("b:0", incarnation=incarnation)], 0.0)
    assert [member.incarnation for member in roster.members] == ["second"]


def test_who_is_missing_is_gone_after_a_while_only() -> None:
    roster = Roster("a")
    roster.heard([worker_record("b:0"), worker_record("b:1")], 0.0)
    roster.heard([worker_record("b:1")], 1.0)
    roster.heard([worker_record("b:1")], 1.0 + GONE_AFTER_S)
    assert ids(roster) == ["b:0", "b:1"]
    roster.heard([worker_record("b:1")], 1.1 + GONE_AFTER_S)
    assert ids(roster) == ["b:1"]


def test_who_comes_back_is_not_counted_as_missing_from_before() -> None:
    roster = Roster("a")
    roster.heard([worker_record("b:0")], 0.0)
    roster.heard([], 1.0)
    roster.heard([worker_record("b:0")], 2.0)
    roster.heard([], 3.0)
    roster.heard([], 2.5 + GONE_AFTER_S)
    assert ids(roster) == ["b:0"]


def test_an_outage_makes_nobody_go_however_long_it_is() -> None:
    roster = Roster("a")
    roster.heard([worker_record("b:0")], 0.0)
    roster.heard([], 1.0)
    roster.not_heard()
    # Emptied, and filled again after its heartbeat.
    roster.heard([], 1_000.0)
    assert ids(roster) == ["b:0"]
    roster.heard([], 1_000.1 + GONE_AFTER_S)
    assert ids(roster) == []
