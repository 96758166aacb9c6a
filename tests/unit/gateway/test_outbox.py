from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import SlowReader
from common.events import (
    Acked,
    Configured,
    EndpointReason,
    Event,
    Final,
    Partial,
    SessionOptions,
    SpeechStarted,
    Stopped,
    Word,
)
from gateway.outbox import MAX_BYTES, MAX_EVENTS, Outbox, StallWatch


def partial(segment: int, revision: int) -> Partial:
    return Partial(segment, revision, "ever", 0, 100)


def final(segment: int) -> Final:
    return Final(segment, "ever", 0, 100, 200, EndpointReason.SILENCE)


def after(*events: Event) -> list[Event]:
    outbox = Outbox()
    for event in events:
        outbox.push(event)
    return [outbox.pop() for _ in range(len(outbox))]


def test_of_acknowledgements_the_newest_is_enough() -> None:
    assert after(Acked(1), Acked(2), final(0), Acked(3), Acked(4)) == [Acked(2), final(0), Acked(4)]


def test_events_leave_in_the_order_in_which_they_came() -> None:
    events: list[Event] = [SpeechStarted(0, 0), final(0), SpeechStarted(1, 300), partial(1, 1), Stopped(400)]
    assert after(*events) == events


def test_a_newer_partial_replaces_the_one_that_was_not_sent() -> None:
    assert after(partial(0, 1), partial(0, 2), partial(0, 3)) == [partial(0, 3)]


def test_a_final_replaces_the_partial_of_its_segment() -> None:
    assert after(partial(0, 1), final(0)) == [final(0)]


def test_a_partial_is_not_replaced_by_another_segments_events() -> None:
    assert after(partial(1, 1), final(0)) == [partial(1, 1), final(0)]
    assert after(partial(0, 1), partial(1, 1)) == [partial(0, 1), partial(1, 1)]


def test_a_partial_is_not_taken_from_behind_another_event() -> None:
    assert after(partial(0, 1), SpeechStarted(1, 0), partial(0, 2)) == [
        partial(0, 1),
        SpeechStarted(1, 0),
        partial(0, 2),
    ]


def test_a_full_outbox_refuses_and_keeps_what_it_has() -> None:
    outbox = Outbox()
    for segment in range(MAX_EVENTS):
        outbox.push(final(segment))
    with pytest.raises(SlowReader):
        outbox.push(Stopped(0))
    assert len(outbox) == MAX_EVENTS


LONG = "x" * 1_000
LARGE: list[Event] = [
    Configured(SessionOptions(hotwords=(LONG,) * 10), "hotwords_set"),
    Configured(SessionOptions(replacements=((LONG, LONG),) * 5), "postprocess_hotwords_set"),
    Final(0, LONG * 10, 0, 100, 200, EndpointReason.SILENCE),
    Final(0, "ever", 0, 100, 200, EndpointReason.SILENCE, (Word(LONG, 0, 100),) * 10),
]


def filled(event: Event) -> Outbox:
    """With as many of these as it takes."""
    return _fill(Outbox(), event)


def _fill(outbox: Outbox, event: Event) -> Outbox:
    with pytest.raises(SlowReader):
        while True:
            outbox.push(event)
    return outbox


@pytest.mark.parametrize("event", LARGE)
def test_what_waits_is_bounded_in_bytes_too(event: Event) -> None:
    assert 0.9 * MAX_BYTES < 10_000 * len(filled(event)) <= MAX_BYTES


def test_what_was_sent_leaves_room() -> None:
    outbox = filled(LARGE[0])
    outbox.pop()
    outbox.push(LARGE[0])


def test_a_partial_that_is_replaced_leaves_room() -> None:
    outbox = Outbox()
    for revision in range(100):
        outbox.push(Partial(0, revision, LONG * 10, 0, 100))
    assert len(outbox) == 1


def test_a_setting_is_not_counted_again_with_each_other_that_is_answered() -> None:
    options = SessionOptions(hotwords=(LONG,) * 200)
    outbox = Outbox()
    for _ in range(10):
        outbox.push(Configured(options, "timestamps_set"))
    assert len(outbox) == 10


def test_a_text_that_was_sent_to_a_worker_meanwhile_takes_no_more_than_it_did() -> None:
    outbox = Outbox()
    for _ in range(MAX_EVENTS):
        options = SessionOptions(hotwords=tuple(chr(0x4E00 + number) * 300 for number in range(100)))
        outbox.push(Configured(options, "hotwords_set"))
        msgspec.msgpack.encode(options)
        outbox.pop()
    assert 0.7 * MAX_BYTES < 10_000 * len(_fill(outbox, LARGE[0])) <= MAX_BYTES


def test_one_event_is_taken_however_large_it_is() -> None:
    outbox = Outbox()
    outbox.push(Final(0, "x" * 2 * MAX_BYTES, 0, 100, 200, EndpointReason.SILENCE))
    with pytest.raises(SlowReader):
        outbox.push(LARGE[0])
    assert len(outbox) == 1


def test_all_but_the_last_can_be_forgotten() -> None:
    outbox = filled(LARGE[0])
    outbox.leave_last()
    assert len(outbox) == 1
    while len(outbox) < 10:
        outbox.push(LARGE[0])


def test_a_full_outbox_still_takes_what_replaces_its_last_partial() -> None:
    outbox = Outbox()
    for segment in range(MAX_EVENTS - 1):
        outbox.push(final(segment))
    outbox.push(partial(MAX_EVENTS, 1))
    outbox.push(final(MAX_EVENTS))
    assert len(outbox) == MAX_EVENTS


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=50))
def test_nothing_but_partials_is_ever_dropped(drawn: list[tuple[bool, int]]) -> None:
    events: list[Event] = [
        final(segment) if is_final else partial(segment, number)
        for number, (is_final, segment) in enumerate(drawn)
    ]
    out = after(*events)
    assert [event for event in out if isinstance(event, Final)] == [
        event for event in events if isinstance(event, Final)
    ]
    assert out[-1:] == events[-1:]


def stalls(*readings: tuple[bool, int]) -> list[float]:
    """One reading a second of (waiting, buffered bytes)."""
    watch = StallWatch()
    return [
        watch.stalled_s(waiting, buffered, float(now)) for now, (waiting, buffered) in enumerate(readings)
    ]


def test_who_has_nothing_to_read_never_stalls() -> None:
    assert stalls((False, 500), (False, 500), (False, 500)) == [0, 0, 0]


def test_who_does_not_read_stalls_from_the_first_event_that_waits() -> None:
    assert stalls((False, 500), (True, 500), (True, 500), (True, 500)) == [0, 0, 1, 2]


def test_anything_read_is_progress() -> None:
    assert stalls((True, 500), (True, 500), (True, 499), (True, 499)) == [0, 1, 0, 1]


def test_more_in_the_buffer_is_no_progress() -> None:
    assert stalls((True, 500), (True, 900), (True, 900)) == [0, 1, 2]


def test_a_stall_ends_when_nothing_waits_any_more() -> None:
    assert stalls((True, 500), (True, 500), (False, 500), (True, 500)) == [0, 1, 0, 0]
