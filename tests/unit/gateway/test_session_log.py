from __future__ import annotations

from typing import Final

import pytest

from common.checkpoint import Checkpoint
from common.events import Committed, EndpointReason, Event, Partial, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from gateway.session_log import KEPT, Order, Piece, SessionLog

SECOND: Final = 16_000


def pcm(samples: int, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * samples


def told(log: SessionLog) -> list[tuple[int, int] | Order]:
    """All that is left to be told; of audio its borders."""
    said: list[tuple[int, int] | Order] = []
    while (piece := log.next(room=True)) is not None:
        match piece:
            case Piece(first, audio):
                said.append((first, first + len(audio) // 2))
            case Order():
                said.append(piece)
    return said


def final(segment: int) -> FinalEvent:
    return FinalEvent(segment, "text", 0, 10, 20, EndpointReason.SILENCE)


def test_a_worker_is_told_audio_and_orders_in_their_order() -> None:
    log = SessionLog()
    log.append(pcm(100))
    log.append(pcm(50))
    assert told(log) == [(0, 150)]
    log.order(Order.COMMIT)
    log.append(pcm(10))
    log.order(Order.STOP)
    assert told(log) == [Order.COMMIT, (150, 160), Order.STOP]
    assert told(log) == []


def test_one_that_was_begun_elsewhere_goes_on_where_it_stood() -> None:
    log = SessionLog(Checkpoint(500, 600, 3), last_locked=2)
    log.append(pcm(100))
    assert (told(log), log.unsettled, log.complete, log.at_rest) == ([(500, 600)], 100, True, True)
    assert [log.is_news(event) for event in (SpeechStarted(2, 0), final(2), SpeechStarted(3, 0))] == [
        False,
        False,
        True,
    ]


def test_it_is_told_exactly_what_the_client_sent() -> None:
    log = SessionLog()
    sent = bytes(range(200))
    log.append(sent[:60])
    log.append(sent[60:])
    assert log.next(room=True) == Piece(0, sent)


def test_much_audio_goes_in_pieces() -> None:
    log = SessionLog()
    log.append(pcm(2 * SECOND + 5))
    assert told(log) == [(0, SECOND), (SECOND, 2 * SECOND), (2 * SECOND, 2 * SECOND + 5)]


def test_without_room_for_audio_it_is_told_orders_only() -> None:
    log = SessionLog()
    log.order(Order.COMMIT)
    log.append(pcm(10))
    log.order(Order.STOP)
    assert log.next(room=False) is Order.COMMIT
    assert log.next(room=False) is None
    assert told(log) == [(0, 10), Order.STOP]


def test_another_worker_is_told_all_from_the_checkpoint_on() -> None:
    log = SessionLog()
    log.append(pcm(100))
    log.order(Order.COMMIT)
    log.append(pcm(100))
    told(log)
    log.settled(Checkpoint(80, 90, 1))
    assert log.checkpoint == Checkpoint(80, 90, 1)
    assert log.unsettled == 120
    log.begin_again()
    assert told(log) == [(80, 100), Order.COMMIT, (100, 200)]


def test_an_order_that_was_answered_is_not_given_again() -> None:
    log = SessionLog()
    log.append(pcm(100))
    log.order(Order.COMMIT)
    log.append(pcm(100))
    log.order(Order.COMMIT)
    told(log)
    assert log.is_news(Committed(100))
    log.begin_again()
    assert told(log) == [(0, 200), Order.COMMIT]
    assert log.is_news(Committed(200))


@pytest.mark.parametrize("order", [None, Order.STOP])
def test_an_answer_to_nothing_is_no_news(order: Order | None) -> None:
    log = SessionLog()
    log.append(pcm(100))
    if order is not None:
        log.order(order)
        told(log)
    assert not log.is_news(Committed(100))


def test_an_answer_to_an_order_that_was_not_told_is_no_news() -> None:
    log = SessionLog()
    log.order(Order.COMMIT)
    assert not log.is_news(Committed(0))
    assert told(log) == [Order.COMMIT]


def test_what_the_client_has_heard_is_no_news() -> None:
    log = SessionLog()
    events: list[Event] = [
        SpeechStarted(0, 0),
        Partial(0, 1, "te", 0, 5),
        final(0),
        SpeechStarted(1, 30),
        Partial(1, 1, "ne", 30, 40),
    ]
    assert all(log.is_news(event) for event in events)
    again = [log.is_news(event) for event in events]
    # The open segment's partials are new each time.
    assert again == [False, False, False, False, True]
    assert log.is_news(final(1))
    assert log.is_news(Stopped(100))


def test_it_is_at_rest_while_nothing_is_half_said() -> None:
    log = SessionLog()
    rests = [log.at_rest]
    for event in (SpeechStarted(0, 0), Partial(0, 1, "te", 0, 5), final(0)):
        log.is_news(event)
        rests.append(log.at_rest)
    log.order(Order.COMMIT)
    rests.append(log.at_rest)
    told(log)
    log.is_news(Committed(0))
    rests.append(log.at_rest)
    assert rests == [True, False, False, True, False, True]


def test_audio_before_the_checkpoint_is_forgotten() -> None:
    log = SessionLog()
    log.append(pcm(100))
    told(log)
    log.settled(Checkpoint(100, 100, 1))
    assert log.unsettled == 0
    log.append(pcm(10))
    assert told(log) == [(100, 110)]


def test_a_segment_longer_than_what_is_kept_leaves_the_log_incomplete_until_it_is_settled() -> None:
    log = SessionLog()
    for _ in range(KEPT // SECOND):
        log.append(pcm(SECOND))
        told(log)
    kept = [log.complete]
    log.append(pcm(1))
    told(log)
    log.append(pcm(1))
    kept.append(log.complete)
    log.settled(Checkpoint(KEPT, KEPT, 1))
    kept.append(log.complete)
    assert kept == [True, False, True]
    log.begin_again()
    assert told(log) == [(KEPT, KEPT + 2)]


def test_what_no_worker_has_been_told_is_never_forgotten() -> None:
    log = SessionLog()
    for _ in range(KEPT // SECOND + 5):
        log.append(pcm(SECOND))
    assert log.complete
    assert told(log)[0] == (0, SECOND)
