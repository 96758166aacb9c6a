from __future__ import annotations

import pytest

from common.capacity import QUIET_AFTER_S
from common.errors import Overloaded, SessionInUse
from tests.support.session_rig import Sent, SessionRig
from tests.support.sound import LOUD, sound
from worker.session import SessionLife, WorkerSession
from worker.session_table import SessionTable

TIMEOUT_S = 60.0


class Rig(SessionRig):
    def __init__(self) -> None:
        super().__init__()
        self.table = SessionTable(TIMEOUT_S, self.metrics, self.clock)

    def add(self, name: str, owner: object) -> tuple[WorkerSession, Sent]:
        session, sent = self.open(name)
        self.table.add(session, owner)
        return session, sent


def test_a_live_id_is_taken_until_its_session_ends() -> None:
    rig = Rig()
    session, _ = rig.add("call", "link")
    with pytest.raises(SessionInUse):
        rig.table.make_free("call", 0)
    rig.table.make_free("other", 0)
    rig.table.remove(session, SessionLife.STOPPED)
    rig.table.make_free("call", 0)


def test_a_gateway_that_a_session_was_taken_over_from_has_it_no_more() -> None:
    rig = Rig()
    session, sent = rig.open("call")
    rig.table.add(session, "link", pin_epoch=3)
    for old in (2, 3):
        with pytest.raises(SessionInUse):
            rig.table.make_free("call", old)
    rig.table.make_free("call", 4)
    assert (session.life, sent.failure, len(rig.table)) == (SessionLife.DROPPED, SessionInUse.code, 0)


def test_sessions_are_counted_and_named() -> None:
    rig = Rig()
    sessions = [rig.add(name, "link")[0] for name in ("one", "two")]
    assert (len(rig.table), rig.table.ids(), list(rig.table)) == (2, ["one", "two"], sessions)
    assert rig.metric("asr_sessions_active", state="connected") == 2


def test_removing_ends_the_session_and_may_be_repeated() -> None:
    rig = Rig()
    session, _ = rig.add("call", "link")
    for _ in range(2):
        rig.table.remove(session, SessionLife.DROPPED)
    assert session.life is SessionLife.DROPPED
    assert rig.metric("asr_sessions_active", state="connected") == 0


def test_an_old_session_does_not_take_its_successor_along() -> None:
    rig = Rig()
    old, _ = rig.add("call", "link")
    rig.table.remove(old, SessionLife.STOPPED)
    new, _ = rig.add("call", "link")
    rig.table.remove(old, SessionLife.DROPPED)
    assert list(rig.table) == [new] and new.life is SessionLife.LIVE


def test_a_lost_link_takes_its_own_sessions_along_and_no_others() -> None:
    rig = Rig()
    mine, other = [rig.add("one", "lost"), rig.add("two", "lost")], rig.add("three", "stays")
    rig.table.remove_owned("lost")
    assert [session.life for session, _ in mine] == [SessionLife.DROPPED] * 2
    assert rig.table.ids() == ["three"] and other[0].life is SessionLife.LIVE
    assert [sent.frames for _, sent in mine] == [[], []]


def test_a_session_without_a_sign_of_life_is_evicted_after_the_timeout() -> None:
    rig = Rig()
    session, sent = rig.add("call", "link")
    rig.clock.advance(TIMEOUT_S)
    assert rig.table.evict_silent() == []
    rig.clock.advance(0.001)
    assert rig.table.evict_silent() == [session]
    assert (session.life, sent.failure, len(rig.table)) == (SessionLife.EVICTED, "session_evicted", 0)
    assert rig.metric("asr_sessions_evicted_total") == 1
    assert rig.metric("asr_sessions_ended_total", outcome="evicted") == 1


def test_a_sign_of_life_of_a_gateway_keeps_all_its_sessions_and_no_others() -> None:
    rig = Rig()
    rig.add("one", "alive")
    rig.add("two", "alive")
    silent, _ = rig.add("three", "hung")
    rig.clock.advance(TIMEOUT_S)
    rig.table.heard_from("alive")
    rig.clock.advance(TIMEOUT_S)
    assert rig.table.evict_silent() == [silent]
    assert rig.table.ids() == ["one", "two"]


def test_speaking_sessions_are_those_with_an_open_segment() -> None:
    rig = Rig()
    talker, _ = rig.add("one", "link")
    rig.add("two", "link")
    rig.hear(talker, sound((LOUD, 0.5)))
    assert rig.table.speaking() == 1
    rig.table.report()
    assert rig.metric("asr_sessions_active", state="speaking") == 1


def test_a_session_is_engaged_until_it_has_been_quiet_for_long() -> None:
    rig = Rig()
    session, _ = rig.add("call", "link")
    rig.clock.advance(QUIET_AFTER_S - 1)
    assert rig.table.engaged() == 1
    rig.clock.advance(1)
    assert rig.table.engaged() == 0
    rig.hear(session, sound((LOUD, 0.5)))
    assert session.pipeline.speaking and rig.table.engaged() == 1
    rig.clock.advance(QUIET_AFTER_S)
    assert rig.table.engaged() == 1, "it is speaking still"


def test_there_is_room_until_too_many_might_speak() -> None:
    rig = Rig()
    for name in ("one", "two"):
        rig.table.check_room("call", 2)
        rig.add(name, "link")
    rig.table.check_room("call", None)
    with pytest.raises(Overloaded) as refused:
        rig.table.check_room("call", 2)
    assert refused.value.retry_after_s
    rig.clock.advance(QUIET_AFTER_S)
    rig.table.check_room("call", 2)
