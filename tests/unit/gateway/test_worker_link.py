from __future__ import annotations

import pytest

from common.checkpoint import Checkpoint
from common.events import Failed, SessionOptions, Settled, Stopped
from common.link import FrameType, Load, Open, Opened
from gateway.session_log import Order
from tests.support.link_rig import EPOCH, HELLO, LinkRig, Listener, with_link

STOPPED = Stopped(heard=320)


def test_a_session_hears_that_it_is_open_and_what_it_may_send() -> None:
    def check(rig: LinkRig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.OPENED, Opened(64_000))
        rig.hear(FrameType.STOPPED, STOPPED)
        assert listener.told == ["opened", "credit 64000", "Stopped"]

    with_link(check)


def test_it_hears_what_is_settled() -> None:
    def check(rig: LinkRig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.SETTLED, Settled(Checkpoint(640, 640, 2)))
        assert listener.told == ["settled 640"]

    with_link(check)


def test_a_placement_begins_at_the_sessions_checkpoint_in_its_epoch() -> None:
    def check(rig: LinkRig) -> None:
        sent = rig.record()
        stream = rig.open(Listener())
        stream.audio(100, b"abcd")
        stream.order(Order.COMMIT)
        stream.order(Order.STOP)
        frames = sent()
        assert [frame.kind for frame in frames] == [
            FrameType.OPEN,
            FrameType.AUDIO,
            FrameType.COMMIT,
            FrameType.STOP,
        ]
        assert {frame.epoch for frame in frames} == {EPOCH}
        assert frames[0].payload == Open("call", SessionOptions(), Listener.checkpoint, 1, Listener.trace)
        assert (frames[1].sequence, frames[1].payload) == (100, b"abcd")

    with_link(check)


def test_a_frame_of_another_epoch_is_dropped_and_counted() -> None:
    def check(rig: LinkRig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.STOPPED, STOPPED, epoch=EPOCH - 1)
        assert (listener.told, rig.stale) == ([], 1)
        rig.hear(FrameType.STOPPED, STOPPED)
        assert (listener.told, rig.stale) == (["Stopped"], 1)

    with_link(check)


def test_a_session_that_was_closed_hears_nothing_more() -> None:
    def check(rig: LinkRig) -> None:
        listener = Listener()
        rig.open(listener).close()
        rig.hear(FrameType.STOPPED, STOPPED)
        assert listener.told == []

    with_link(check)


def test_a_listener_that_raises_is_broken_and_the_link_goes_on() -> None:
    def check(rig: LinkRig) -> None:
        bad, good = Listener(raises_at="Stopped"), Listener()
        rig.open(bad)
        rig.open(good)
        rig.hear(FrameType.STOPPED, STOPPED, stream=1)
        rig.hear(FrameType.STOPPED, STOPPED, stream=2)
        assert (bad.told, good.told) == (["Stopped", "broken"], ["Stopped"])

    with_link(check)


def test_it_is_ready_once_the_worker_says_so() -> None:
    def check(rig: LinkRig) -> None:
        rig.link.link_up(rig.transport)
        seen = [rig.link.ready]
        rig.hear(FrameType.HELLO, HELLO, stream=0)
        rig.hear(FrameType.LOAD, Load(True, 3, 1, 0, 7, None), stream=0)
        seen.append(rig.link.ready)
        rig.link.link_lost(rig.transport)
        seen.append(rig.link.ready)
        assert seen == [False, True, False]
        assert (rig.link.name, rig.link.room.sessions) == ("1", 3)

    with_link(check)


def test_what_it_is_given_takes_room_until_a_report_behind_its_answer_counts_it() -> None:
    def check(rig: LinkRig) -> None:
        rig.open(Listener())
        assert not rig.link.room.is_free
        rig.hear(FrameType.LOAD, Load(True, 0, 0, 0, 7, None), stream=0)
        assert not rig.link.room.is_free, "it was on its way when this was said"
        rig.hear(FrameType.OPENED, Opened(64_000))
        rig.hear(FrameType.LOAD, Load(True, 0, 0, 0, 8, None), stream=0)
        assert rig.link.room.is_free

    with_link(check)


def test_it_has_the_sessions_that_it_told_of_and_those_it_was_given_since() -> None:
    def check(rig: LinkRig) -> None:
        rig.hear(FrameType.LOAD, Load(True, 3, 0, 0, 7, None), stream=0)
        rig.open(Listener())
        counts = [rig.link.room.sessions]
        rig.hear(FrameType.OPENED, Opened(64_000))
        counts.append(rig.link.room.sessions)
        rig.hear(FrameType.LOAD, Load(True, 4, 0, 0, 8, None), stream=0)
        rig.open(Listener()).close()
        counts.append(rig.link.room.sessions)
        assert counts == [4, 4, 4]

    with_link(check)


def test_what_has_ended_here_is_not_counted_until_the_next_report_either() -> None:
    def check(rig: LinkRig) -> None:
        stream = rig.open(Listener())
        rig.hear(FrameType.OPENED, Opened(64_000))
        rig.hear(FrameType.LOAD, Load(True, 4, 0, 0, 7, None), stream=0)
        rig.hear(FrameType.STOPPED, STOPPED)
        stream.close()
        counts = [rig.link.room.sessions]
        rig.hear(FrameType.LOAD, Load(True, 3, 0, 0, 8, None), stream=0)
        counts.append(rig.link.room.sessions)
        assert counts == [3, 3]

    with_link(check)


def test_what_is_refused_by_the_worker_takes_no_room() -> None:
    def check(rig: LinkRig) -> None:
        rig.open(Listener())
        rig.hear(FrameType.FAILED, Failed("overloaded", "no"))
        assert rig.link.room.is_free

    with_link(check)


def test_it_says_once_that_the_worker_is_late_and_once_that_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def check(rig: LinkRig) -> None:
        rig.hear(FrameType.HELLO, HELLO, stream=0)
        caplog.clear()
        for lag_ms in (1_001, 800, 500, 400):
            rig.hear(FrameType.LOAD, Load(True, 0, 0, lag_ms, 7, None), stream=0)

    with_link(check)
    assert caplog.messages == ["worker late, no new sessions", "worker in time again"]
