"""What becomes of a session when a decode fails."""

from __future__ import annotations

from common.events import Final as FinalEvent
from common.events import Partial
from tests.support.driven_pipeline import Driven, emitted, kinds
from worker.pipeline.effects import DecodeKind
from worker.pipeline.orders import Mark


def test_a_session_goes_on_without_a_partial() -> None:
    driven = Driven()
    driven.feed("speech 0.6")
    assert not driven.pipeline.failed(driven.last(DecodeKind.PARTIAL))
    assert DecodeKind.PARTIAL in kinds(driven.feed("speech 0.5"))
    assert isinstance(emitted(driven.apply(DecodeKind.PARTIAL, "ever"))[0], Partial)


def test_a_failed_speculation_is_not_tried_again_and_the_final_is_decoded_instead() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.6")
    ahead = driven.last(DecodeKind.SPECULATIVE)
    assert not driven.pipeline.failed(ahead)
    assert kinds(driven.feed("silence 0.2")) == []
    effects = driven.feed("silence 0.4")
    assert kinds(effects) == [DecodeKind.FINAL]
    final = driven.last(DecodeKind.FINAL)
    assert (final.start, final.end) == (ahead.start, ahead.end)
    [locked] = emitted(driven.apply(DecodeKind.FINAL, "ever"))
    assert isinstance(locked, FinalEvent) and locked.text == "ever"


def test_after_a_failed_speculation_speech_that_goes_on_is_decoded_ahead_again() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.6")
    driven.pipeline.failed(driven.last(DecodeKind.SPECULATIVE))
    driven.feed("speech 0.3")
    assert DecodeKind.SPECULATIVE in kinds(driven.feed("silence 0.6"))


def test_a_session_cannot_go_on_without_a_final() -> None:
    driven = Driven()
    driven.feed("speech 1")
    driven.effects += driven.mark(Mark.COMMIT)
    assert driven.pipeline.failed(driven.last(DecodeKind.FINAL))


def test_a_speculation_promoted_in_flight_is_as_indispensable_as_a_final() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 1.2")
    assert driven.pipeline.failed(driven.last(DecodeKind.SPECULATIVE))
