from __future__ import annotations

import pytest

from bench.partials import PartialsResult, Reaction, reaction
from bench.player import Arrival, Playback
from client.view import Result, TranscriptView
from common.audio import seconds_to_samples
from tests.support.speech import Span

SPEECH = Span(seconds_to_samples(2.0), seconds_to_samples(4.0), "words")
"""Its first frame is sent at 2.0 s, its last one at 3.9 s."""


def playback(*partials: tuple[float, str]) -> Playback:
    arrivals = tuple(
        Arrival(at_s, Result((), text, 0, 0, False, "s", "worker-0", seq=number))
        for number, (at_s, text) in enumerate(partials, start=2)
    )
    return Playback(tuple(frame / 10 for frame in range(60)), arrivals, TranscriptView())


def test_times_count_from_the_frame_with_the_first_speech() -> None:
    played = playback((2.5, "so"), (3.0, "so it"), (3.7, "so it goes"))
    assert reaction(played, SPEECH) == Reaction(
        speech_ms=2_000, partials=3, first_partial_ms=500, mean_gap_ms=600, largest_gap_ms=700
    )


@pytest.mark.parametrize("outside", [(1.9, "before"), (3.95, "after"), (2.1, "")])
def test_only_partials_with_text_during_the_speech_count(outside: tuple[float, str]) -> None:
    played = playback(*sorted([outside, (2.5, "so"), (3.5, "so it")]))
    assert reaction(played, SPEECH) == Reaction(2_000, 2, 500, 1_000, 1_000)


def test_partials_that_stop_before_the_speech_does_are_a_gap() -> None:
    traced = reaction(playback((2.3, "so"), (2.5, "so it")), SPEECH)
    assert (traced.mean_gap_ms, traced.largest_gap_ms) == (200, 1_400)


def test_single_partial_has_no_mean_gap() -> None:
    assert reaction(playback((2.4, "so")), SPEECH) == Reaction(2_000, 1, 400, None, 1_500)


def test_speech_without_partials_says_so() -> None:
    assert reaction(playback((1.0, "early")), SPEECH) == Reaction(2_000, 0)


def test_table_has_a_cell_for_every_column() -> None:
    [table] = PartialsResult((Reaction(2_000, 0), Reaction(2_000, 2, 1, 2, 3))).tables()
    assert [len(row) for row in table.rows] == [len(table.columns)] * 2
