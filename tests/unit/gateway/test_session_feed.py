from __future__ import annotations

from common.checkpoint import ORIGIN, Checkpoint
from common.events import SessionOptions
from gateway.session_feed import SessionFeed
from gateway.session_log import Order, SessionLog
from tests.support.relay_rig import Placed


def placed(worker: str = "0") -> Placed:
    return Placed(worker, 1, ORIGIN, SessionOptions())


def test_without_a_worker_all_is_kept() -> None:
    feed = SessionFeed(SessionLog())
    feed.audio(bytes(200))
    feed.order(Order.COMMIT)
    feed.configure(SessionOptions("en"))
    assert (feed.worker, feed.has_room, feed.log.unsettled, feed.end()) == ("?", False, 100, None)


def test_a_worker_is_told_nothing_before_it_has_taken_the_session() -> None:
    feed, worker = SessionFeed(SessionLog()), placed()
    feed.audio(bytes(200))
    feed.begin(worker)
    feed.order(Order.COMMIT)
    assert (feed.worker, worker.told) == ("0", [])
    feed.credit(50)
    assert worker.told == [(0, 100), Order.COMMIT]


def test_it_is_told_no_more_audio_than_it_has_room_for() -> None:
    feed, worker = SessionFeed(SessionLog()), placed()
    feed.begin(worker)
    feed.credit(100)
    feed.audio(bytes(200))
    feed.audio(bytes(20))
    assert (worker.told, feed.has_room) == ([(0, 100)], False)
    feed.credit(100)
    assert (worker.told, feed.has_room) == ([(0, 100), (100, 110)], True)


def test_the_next_one_hears_all_from_the_checkpoint_on_and_the_former_nothing() -> None:
    feed, first, second = SessionFeed(SessionLog()), placed(), placed("1")
    feed.begin(first)
    feed.credit(1_000)
    feed.audio(bytes(200))
    feed.log.settled(Checkpoint(60, 60, 1))
    assert feed.end() is first
    feed.audio(bytes(20))
    feed.begin(second)
    feed.credit(1_000)
    assert (first.told, second.told) == ([(0, 100)], [(60, 110)])


def test_options_go_to_whoever_has_the_session() -> None:
    feed, worker = SessionFeed(SessionLog()), placed()
    feed.begin(worker)
    feed.configure(SessionOptions("en"))
    assert worker.told == [SessionOptions("en")]


def test_what_is_suspect_goes_to_whoever_has_the_session() -> None:
    feed, worker = SessionFeed(SessionLog()), placed()
    feed.suspect((1,))
    feed.begin(worker)
    feed.suspect((2,))
    assert worker.suspects == (2,)
