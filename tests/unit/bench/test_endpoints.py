from __future__ import annotations

import pytest

from bench.endpoints import EndpointsResult, Trace, expected_endpoint, trace, whole_span
from bench.player import Arrival, Playback
from client.view import Result, Sentence, TranscriptView
from common.audio import ms_to_samples, samples_to_ms, seconds_to_samples
from common.events import EndpointReason
from common.silence import STREAMING_STEPS, SilenceSchedule, parse_schedule
from tests.support.speech import Span, Timeline, noise

STREAMING = SilenceSchedule(STREAMING_STEPS)


def span(start_s: float, end_s: float) -> Span:
    return Span(seconds_to_samples(start_s), seconds_to_samples(end_s), "words")


def sentence(number: int, start: int, end: int, endpoint: int) -> Sentence:
    return Sentence(number, "words", start, end, endpoint, EndpointReason.SILENCE)


def playback(*results: tuple[float, tuple[Sentence, ...]]) -> Playback:
    """Frames were sent at 0.0, 0.1 ... 9.9 s, and results came at these seconds."""
    records = [
        Result(sentences, "", 0, 10_000, False, "s", "worker-0", seq=number)
        for number, (_, sentences) in enumerate(results, start=2)
    ]
    arrivals = [Arrival(at_s, record) for (at_s, _), record in zip(results, records, strict=True)]
    view = TranscriptView(sentences=records[-1].sentences)
    return Playback(tuple(frame / 10 for frame in range(100)), tuple(arrivals), view)


@pytest.mark.parametrize(
    ("speech_s", "silence_s"),
    [
        (2.0, 2.0),
        (3.0, 2.0),
        # 1.5 s of silence brings the age to 5.5 s, and that row asks for 1.5 s.
        (4.0, 1.5),
        # The silence is longer than the next row asks for as soon as that row begins, at 5.001 s.
        (3.2, 1.801),
        (7.0, 1.5),
        (12.0, 1.0),
        (17.0, 0.8),
        (25.0, 0.8),
        (35.0, 0.4),
        (50.0, 0.1),
    ],
)
def test_expected_silence_follows_the_age_of_each_moment(speech_s: float, silence_s: float) -> None:
    spoken = span(10.0, 10.0 + speech_s)
    silence = expected_endpoint(STREAMING, spoken) - spoken.end
    assert samples_to_ms(silence) == round(1000 * silence_s)


def test_one_row_asks_for_the_same_silence_at_any_age() -> None:
    fixed = SilenceSchedule(parse_schedule("inf:640"))
    assert {expected_endpoint(fixed, span(0, seconds)) - span(0, seconds).end for seconds in (1, 20, 90)} == {
        ms_to_samples(640)
    }


def test_whole_span_covers_all_speech_and_no_pause_around_it() -> None:
    tone = noise(1.0, level=0.1, seed=0)
    timeline = Timeline().pause(0.5).speech(tone, "one").pause(0.04).speech(tone, "two").pause(3.0)
    assert whole_span(timeline) == Span(8_000, 40_640, "one two")


def test_trace_compares_reported_with_true_borders() -> None:
    played = playback((1.0, ()), (4.65, (sentence(0, start=420, end=2_560, endpoint=4_544),)))
    assert trace(STREAMING, span(0.5, 2.5), played) == Trace(
        speech_ms=2_000,
        segments=1,
        expected_silence_ms=2_000,
        silence_ms=1_984,
        true_silence_ms=2_044,
        start_error_ms=-80,
        end_error_ms=60,
        final_after_ms=150,
        reason="silence",
    )


def test_trace_of_speech_that_was_cut_takes_first_start_and_last_end() -> None:
    both = (sentence(0, 500, 1_400, 1_500), sentence(1, 1_500, 2_500, 4_500))
    traced = trace(STREAMING, span(0.5, 2.5), playback((1.6, both[:1]), (4.7, both)))
    assert (traced.segments, traced.start_error_ms, traced.end_error_ms) == (2, 0, 0)
    assert traced.final_after_ms == 200


def test_trace_without_any_sentence_says_so() -> None:
    assert trace(STREAMING, span(0.5, 2.5), playback((4.0, ()))) == Trace(2_000, 0, 2_000)


def test_table_has_a_cell_for_every_column() -> None:
    [table] = EndpointsResult("streaming", (Trace(2_000, 0, 2_000),)).tables()
    assert "streaming" in table.title
    assert [len(row) for row in table.rows] == [len(table.columns)]
