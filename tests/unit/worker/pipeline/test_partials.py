from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.partials import PartialPolicy, PartialSettings, speculation_due

SETTINGS: Final = PartialSettings(interval=1_000, window=5_000, retry=300)
START: Final = 10_000


def policy() -> PartialPolicy:
    return PartialPolicy(SETTINGS, START)


def with_text() -> PartialPolicy:
    """Asked once at 11 000, answered with text."""
    asked = policy()
    asked.requested(11_000)
    asked.answered("ever")
    return asked


def test_the_first_partial_comes_an_interval_after_the_start() -> None:
    assert not policy().due(10_999, speech_end=10_999)
    assert policy().due(11_000, speech_end=11_000)


@pytest.mark.parametrize(("due_at", "first"), [(10_100, 10_300), (10_700, 10_700), (11_500, 11_000)])
def test_behind_a_cut_it_comes_when_it_was_due_of_the_segment_before(due_at: int, first: int) -> None:
    asked = PartialPolicy(SETTINGS, START, due_at)
    assert not asked.due(first - 1, speech_end=first)
    assert asked.due(first, speech_end=first)


def test_the_next_one_comes_an_interval_later() -> None:
    assert not with_text().due(11_999, speech_end=11_999)
    assert with_text().due(12_000, speech_end=12_000)


def test_while_there_is_no_text_it_comes_sooner() -> None:
    asked = policy()
    asked.requested(11_000)
    asked.answered("")
    assert not asked.due(11_299, speech_end=11_299)
    assert asked.due(11_300, speech_end=11_300)


def test_text_puts_the_next_one_off_from_the_audio_it_was_heard_in() -> None:
    asked = policy()
    asked.requested(11_000)
    asked.requested(11_300)
    asked.answered("ever")
    assert not asked.due(12_299, speech_end=12_299)
    assert asked.due(12_300, speech_end=12_300)


def test_later_text_puts_nothing_off() -> None:
    asked = with_text()
    asked.answered("ever tried")
    assert asked.due(12_000, speech_end=12_000)


def test_without_new_speech_there_is_nothing_new_to_say() -> None:
    assert not with_text().due(20_000, speech_end=11_000)
    assert with_text().due(20_000, speech_end=11_001)


def test_the_window_holds_the_newest_audio_from_the_segments_first_on() -> None:
    assert policy().window_start(audio_from=9_000, heard=12_000) == 9_000
    assert policy().window_start(audio_from=9_000, heard=15_000) == 10_000


@pytest.mark.parametrize(
    ("silence", "required", "due"),
    [(4_799, 8_000, False), (4_800, 8_000, True), (19_199, 32_000, False), (19_200, 32_000, True)],
)
def test_a_final_decoded_ahead_waits_for_the_tail_and_for_a_share_of_the_silence(
    silence: int, required: int, due: bool
) -> None:
    assert speculation_due(silence, required, tail=4_800) is due


STAYING: Final = PartialSettings(interval=1_000, window=5_000, stays=True)


def test_a_window_that_stays_begins_with_its_segment_until_it_is_full() -> None:
    asked = PartialPolicy(STAYING, START)
    assert [asked.window_start(9_000, heard) for heard in (10_000, 12_000, 14_000)] == [9_000] * 3


def test_a_full_window_goes_on_with_its_newer_half() -> None:
    asked = PartialPolicy(STAYING, START)
    starts = [asked.window_start(9_000, heard) for heard in range(13_500, 20_000, 500)]
    assert starts == [9_000, 9_000, *[12_000] * 6, *[15_000] * 5]


@pytest.mark.parametrize(("waited", "due_at"), [(0, 21_000), (400, 21_000), (500, 21_000), (800, 21_300)])
def test_a_partial_that_waited_hears_more_and_hardly_puts_the_next_one_off(waited: int, due_at: int) -> None:
    asked = with_text()
    asked.requested(20_000)
    heard = 20_000 + waited
    assert asked.begun(16_000, heard) == 16_000
    assert not asked.due(due_at - 1, speech_end=due_at - 1)
    assert asked.due(due_at, speech_end=due_at)


@pytest.mark.parametrize("waited", [0, 400, 800])
def test_with_a_lead_the_next_one_is_asked_for_that_much_early(waited: int) -> None:
    asked = PartialPolicy(replace(SETTINGS, lead=250), START)
    asked.requested(11_000)
    asked.begun(START, 11_000 + waited)
    asked.answered("ever")
    for due_at in (11_750 + waited, 12_500 + waited):
        assert not asked.due(due_at - 1, speech_end=due_at - 1)
        assert asked.due(due_at, speech_end=due_at)
        asked.requested(due_at)
        asked.begun(START, due_at)


def test_while_there_is_no_text_there_is_no_lead() -> None:
    asked = PartialPolicy(replace(SETTINGS, lead=250), START)
    asked.requested(11_000)
    asked.begun(START, 11_000)
    asked.answered("")
    assert not asked.due(11_499, speech_end=11_499)
    assert asked.due(11_500, speech_end=11_500)


def test_after_one_that_was_not_begun_another_is_due_as_soon_as_there_is_speech() -> None:
    asked = with_text()
    asked.requested(12_000)
    asked.not_begun()
    assert not asked.due(12_100, speech_end=12_000)
    assert asked.due(12_100, speech_end=12_001)


def test_one_that_has_begun_is_one() -> None:
    asked = with_text()
    asked.requested(12_000)
    asked.begun(START, 12_000)
    asked.not_begun()
    assert not asked.due(12_999, speech_end=12_999)


@pytest.mark.parametrize(("settings", "start"), [(STAYING, 9_000), (SETTINGS, 9_400)])
def test_its_window_moves_along_unless_it_stays(settings: PartialSettings, start: int) -> None:
    asked = PartialPolicy(settings, START)
    assert asked.begun(9_000, heard=9_400 + settings.window) == start


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**5))
def test_once_due_it_stays_due_and_is_due_at_the_endpoint_at_the_latest(
    silence: int, required: int, tail: int
) -> None:
    if speculation_due(silence, required, tail):
        assert speculation_due(silence + 1, required, tail)
        assert silence >= tail
    assert speculation_due(max(required, tail), required, tail)
