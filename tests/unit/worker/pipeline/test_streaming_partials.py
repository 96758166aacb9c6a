from __future__ import annotations

from dataclasses import replace
from typing import Final

from common.audio import SAMPLE_RATE
from common.events import (
    Partial,
    ScheduleStep,
    SessionOptions,
)
from tests.support.driven_pipeline import PARTIALS, Driven, emitted, kinds
from worker.pipeline.effects import Decode, DecodeKind, Emit, Withdraw
from worker.pipeline.hop import HOP_SAMPLES

SENTENCE: Final = "speech 1, silence 1.2"


def test_partials_come_less_often_once_there_is_text() -> None:
    asked = kinds(Driven().feed("speech 1.4"))
    driven = Driven()
    for _ in range(7):
        if kinds(driven.feed("speech 0.2")):
            driven.apply(DecodeKind.PARTIAL, "ever")
    answered = kinds(driven.effects)
    assert len(answered) < len(asked)


def test_a_partial_hears_no_more_than_its_window() -> None:
    driven = Driven()
    driven.feed("speech 4")
    assert driven.last(DecodeKind.PARTIAL).end - driven.last(DecodeKind.PARTIAL).start == PARTIALS.window


def test_a_partial_whose_turn_comes_late_hears_what_came_meanwhile() -> None:
    driven = Driven()
    driven.feed("speech 0.5")
    asked = driven.last(DecodeKind.PARTIAL)
    driven.feed("speech 0.1")
    begun = driven.pipeline.begun(asked)
    assert begun == replace(asked, end=driven.pipeline.cursor)
    assert begun.end > asked.end
    [shown] = emitted(driven.pipeline.apply(begun, "so far"))
    assert isinstance(shown, Partial)
    # From there on, not from where it was asked for.
    assert kinds(driven.feed("speech 0.44")) == []
    assert kinds(driven.feed("speech 0.064")) == [DecodeKind.PARTIAL]
    assert driven.last(DecodeKind.PARTIAL).end >= begun.end + PARTIALS.interval


def test_nothing_else_changes_while_it_waits() -> None:
    driven = Driven()
    driven.feed("speech 0.6")
    partial = driven.last(DecodeKind.PARTIAL)
    driven.feed("silence 0.7")
    speculation = driven.last(DecodeKind.SPECULATIVE)
    driven.feed("silence 0.1")
    assert driven.pipeline.begun(speculation) == speculation
    driven.feed("silence 0.4")
    assert driven.pipeline.begun(partial) == partial
    driven.feed("speech 0.6")
    assert driven.last(DecodeKind.PARTIAL).segment == partial.segment + 1
    assert driven.pipeline.begun(partial) == partial


def test_text_of_a_partial_is_sent_trimmed_and_without_runaway() -> None:
    driven = Driven()
    driven.feed("speech 1")
    heard = driven.last(DecodeKind.PARTIAL).end
    assert driven.apply(DecodeKind.PARTIAL, " ever" + " no" * 20) == [
        Emit(Partial(0, 1, "ever no", 0, heard))
    ]


def test_a_session_that_is_behind_decodes_no_partials() -> None:
    driven = Driven()
    driven.pipeline.push_audio(bytes(2 * 10 * SAMPLE_RATE))
    for _ in range(3 * SAMPLE_RATE // HOP_SAMPLES):
        samples = driven.pipeline.next_hop()
        assert samples is not None
        driven.effects += driven.pipeline.push_hop(samples, 0.9)
    assert not [effect for effect in driven.effects if isinstance(effect, Decode)]


def test_a_partial_that_has_heard_less_than_what_is_shown_is_not_shown() -> None:
    driven = Driven()
    driven.feed("speech 1")
    late = driven.last(DecodeKind.PARTIAL)
    driven.feed("silence 0.8")
    driven.apply(DecodeKind.SPECULATIVE, "ever tried")
    assert driven.pipeline.apply(late, "ever") == []


def test_what_is_heard_twice_gives_one_partial_at_its_end() -> None:
    driven = Driven(SessionOptions(silence_schedule=(ScheduleStep(None, 60_000),)))
    driven.feed("speech 4, silence 0.2, speech 1.8")
    heard = driven.pipeline.heard
    assert driven.pipeline.cursor < heard - PARTIALS.interval
    while driven.pipeline.cursor + HOP_SAMPLES < heard:
        assert kinds(driven.hear_again("speech")) == []
    assert kinds(driven.hear_again("speech")) == [DecodeKind.PARTIAL]
    assert driven.last(DecodeKind.PARTIAL).end == heard


def test_a_partial_of_a_closed_segment_comes_too_late() -> None:
    driven = Driven()
    driven.feed(SENTENCE)
    assert driven.apply(DecodeKind.PARTIAL, "ever") == []
    driven.feed("speech 1")
    assert driven.pipeline.apply(Decode(DecodeKind.PARTIAL, 0, 0, 1), "ever") == []


def test_a_partial_in_flight_when_its_segment_is_cut_is_still_shown() -> None:
    driven = Driven()
    driven.feed("speech 3")
    driven.apply(DecodeKind.PARTIAL, "ever")
    driven.feed("speech 3.2")
    late = Decode(DecodeKind.PARTIAL, 0, 0, driven.last(DecodeKind.PARTIAL).end)
    assert driven.last(DecodeKind.FINAL).segment == 0
    [shown] = emitted(driven.pipeline.apply(late, "ever tried"))
    assert isinstance(shown, Partial) and (shown.segment, shown.text) == (0, "ever tried")


def test_neither_a_cut_nor_a_decode_ahead_takes_back_a_partial_that_has_begun() -> None:
    driven = Driven()
    assert kinds(driven.feed("speech 3, silence 0.7"))[-1] is DecodeKind.SPECULATIVE
    driven.feed("speech 3")
    assert driven.last(DecodeKind.FINAL).segment == 0
    assert Withdraw(DecodeKind.PARTIAL, 0) not in driven.effects


def test_a_partial_that_waits_at_a_cut_is_due_of_the_next_segment() -> None:
    driven = Driven()
    driven.feed("speech 5.4")
    driven.pipeline.begun(driven.last(DecodeKind.PARTIAL))
    driven.apply(DecodeKind.PARTIAL, "ever")
    while DecodeKind.FINAL not in kinds(driven.effects):
        driven.feed("speech 0.032")
    # Where the cut is, and so when that time comes, is up to the audio.
    assert driven.pipeline._due_at == driven.last(DecodeKind.PARTIAL).end


def test_where_a_decode_ahead_came_in_its_place_a_partial_is_due_once_speech_goes_on() -> None:
    driven = Driven()
    driven.feed("speech 0.5")
    driven.pipeline.begun(driven.last(DecodeKind.PARTIAL))
    driven.apply(DecodeKind.PARTIAL, "ever")
    effects = driven.feed("speech 0.2, silence 0.5, speech 0.1")
    assert kinds(effects) == [DecodeKind.PARTIAL, DecodeKind.SPECULATIVE, DecodeKind.PARTIAL]
