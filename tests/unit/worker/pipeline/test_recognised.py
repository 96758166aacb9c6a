"""Times of words on their way from a decode to the final."""

from __future__ import annotations

import pytest

from common.audio import ms_to_samples
from common.events import Final as FinalEvent
from common.events import SessionOptions, Word
from tests.support.driven_pipeline import SCHEDULE, Driven, emitted
from worker.engines.words import TimedWord
from worker.pipeline.effects import Decode, DecodeKind
from worker.pipeline.orders import Mark
from worker.pipeline.recognised import Recognised, recognised

DECODE = Decode(DecodeKind.FINAL, 0, 16_000, 32_000)
ASKED = SessionOptions(silence_schedule=SCHEDULE, timestamps=True)
WORDS = (TimedWord("ever", 0.06, 0.3, 0.9), TimedWord("tried", 0.36, 1.02, 0.9))


def test_words_are_told_at_samples_of_the_session_and_end_with_the_audio() -> None:
    assert recognised(DECODE, " ever tried ", WORDS) == Recognised(
        "ever tried", (Word("ever", 16_960, 20_800), Word("tried", 21_760, 32_000))
    )


def test_without_times_there_are_no_words() -> None:
    assert recognised(DECODE, "ever tried", None) == Recognised("ever tried")


def test_a_text_that_ran_away_has_no_times() -> None:
    words = tuple(TimedWord("no", number / 10, (number + 1) / 10, 0.5) for number in range(10))
    assert recognised(DECODE, " ".join(["no"] * 10), words) == Recognised("no")


def test_what_is_locked_has_its_words_replaced_and_times_only_for_who_wants_them() -> None:
    said = recognised(DECODE, "ever tried", WORDS)
    replaced = SessionOptions(replacements=(("ever", "never"),))
    assert said.locked(replaced) == Recognised("never tried")
    wanted = SessionOptions(replacements=(("ever", "never"),), timestamps=True)
    assert [word.text for word in said.locked(wanted).words] == ["never", "tried"]
    assert said.locked(SessionOptions(timestamps=True)) == said


def finals(effects: list[object]) -> list[FinalEvent]:
    return [event for event in effects if isinstance(event, FinalEvent)]


@pytest.mark.parametrize("speech_s", ["1", "1.5"])
def test_a_final_that_was_decoded_ahead_tells_its_words(speech_s: str) -> None:
    driven = Driven(ASKED)
    driven.feed(f"speech {speech_s}, silence 0.8")
    driven.apply(DecodeKind.SPECULATIVE, "ever tried", WORDS)
    [final] = finals(emitted(driven.feed("silence 0.3")))
    start = driven.last(DecodeKind.SPECULATIVE).start
    assert [word.text for word in final.words] == ["ever", "tried"]
    assert final.words[0].start == start + ms_to_samples(60)


def test_a_final_after_a_commit_tells_its_words_only_if_they_are_wanted_then() -> None:
    for options, told in ((ASKED, 2), (SessionOptions(silence_schedule=SCHEDULE), 0)):
        driven = Driven(ASKED)
        driven.feed("speech 1")
        driven.effects += driven.mark(Mark.COMMIT)
        driven.pipeline.configure(options)
        [final] = finals(emitted(driven.apply(DecodeKind.FINAL, "ever tried", WORDS)))
        assert len(final.words) == told
