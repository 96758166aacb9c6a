from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.checkpoint import Checkpoint
from common.events import EndpointReason, Final, Partial, Word
from worker.pipeline.segmenter import Closed, OpenSegment
from worker.pipeline.transcript import Transcript


def segment(index: int) -> OpenSegment:
    return OpenSegment(index, start=index * 1_000 + 100, audio_from=index * 1_000)


def closed(index: int) -> Closed:
    end = index * 1_000 + 800
    return Closed(
        segment(index),
        end,
        end + 50,
        end + 100,
        EndpointReason.SILENCE,
        Checkpoint(end, end + 100, index + 1),
    )


def closed_up_to(count: int) -> Transcript:
    transcript = Transcript()
    for index in range(count):
        transcript.close(closed(index))
    return transcript


def test_a_final_says_what_its_segment_was() -> None:
    assert closed_up_to(1).final(0, "ever tried") == [
        (closed(0), Final(0, "ever tried", 100, 800, 900, EndpointReason.SILENCE))
    ]


def test_a_final_carries_the_times_of_its_words_however_long_it_waits() -> None:
    transcript = closed_up_to(2)
    words = (Word("ever", 1_100, 1_200),)
    assert transcript.final(1, "ever", words) == []
    assert [final.words for _, final in transcript.final(0, "a")] == [(), words]


def test_a_final_waits_for_those_before_it() -> None:
    transcript = closed_up_to(3)
    assert transcript.final(2, "c") == []
    assert transcript.final(1, "b") == []
    assert transcript.awaited == 3
    assert [final.text for _, final in transcript.final(0, "a")] == ["a", "b", "c"]
    assert transcript.awaited == 0


def test_a_final_without_text_still_leaves_and_lets_the_next_ones_go() -> None:
    transcript = closed_up_to(2)
    transcript.final(1, "b")
    assert [final.text for _, final in transcript.final(0, "")] == ["", "b"]


def test_text_that_nobody_waits_for_changes_nothing() -> None:
    transcript = closed_up_to(1)
    assert transcript.final(5, "late") == []
    assert transcript.awaited == 1
    transcript.final(0, "a")
    assert transcript.final(0, "again") == []


@given(st.permutations(range(5)))
def test_every_final_leaves_once_and_in_order_whenever_its_text_comes(order: list[int]) -> None:
    transcript = closed_up_to(5)
    out = [final for index in order for _, final in transcript.final(index, f"text {index}")]
    assert [(final.segment, final.text) for final in out] == [(index, f"text {index}") for index in range(5)]


def test_only_a_decode_of_exactly_the_closed_audio_is_awaited() -> None:
    transcript = closed_up_to(2)
    assert transcript.awaits(1, closed(1).audio_to)
    assert not transcript.awaits(1, closed(1).audio_to - 1)
    assert not transcript.awaits(0, closed(1).audio_to)
    assert not Transcript().awaits(0, closed(0).audio_to)


def test_revisions_count_from_one_in_every_segment() -> None:
    transcript = Transcript()
    partials = [transcript.partial(segment(index), "text", 0, 5_000) for index in (0, 0, 1, 1, 1)]
    assert [(partial.segment, partial.revision) for partial in partials if partial] == [
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
        (1, 3),
    ]


def test_a_partial_begins_with_its_segment_or_with_its_window() -> None:
    transcript = Transcript()
    assert transcript.partial(segment(0), "a", 0, 900) == Partial(0, 1, "a", 100, 900)
    assert transcript.partial(segment(0), "b", 500, 950) == Partial(0, 2, "b", 500, 950)


def test_a_closed_segment_is_shown_until_a_later_one_is_or_its_text_comes() -> None:
    transcript = Transcript()
    assert transcript.shown_and_awaited(0) is None
    transcript.partial(segment(0), "ever", window_start=0, heard=500)
    assert transcript.shown_and_awaited(0) is None
    transcript.close(closed(0))
    assert transcript.shown_and_awaited(0) == segment(0)
    transcript.partial(segment(1), "tried", window_start=1_000, heard=1_500)
    assert transcript.shown_and_awaited(0) is None


def test_a_partial_of_a_window_keeps_what_was_shown_before_it() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "one two three four five", window_start=0, heard=500)
    later = transcript.partial(segment(0), "three four five six", window_start=300, heard=700)
    assert (later.text, later.start) == ("one two three four five six", segment(0).start)


def test_a_window_that_fits_nothing_shown_stands_alone_and_says_where_it_begins() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "one two three four five", window_start=0, heard=500)
    later = transcript.partial(segment(0), "quite another thing", window_start=300, heard=700)
    assert (later.text, later.start) == ("quite another thing", 300)


def test_a_partial_of_the_newest_seconds_keeps_what_was_shown_before_them() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "it was the best of times", 0, 500)
    longer = transcript.partial(segment(0), "best of times it was", 300, 900)
    assert longer == Partial(0, 2, "it was the best of times it was", 100, 900)


def test_a_partial_of_the_whole_segment_replaces_what_was_shown() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "it was the best of times", 0, 500)
    again = transcript.partial(segment(0), "he was the best of crimes", 0, 900)
    assert again.text == "he was the best of crimes"


def test_what_has_nothing_in_common_with_what_was_shown_stands_alone() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "it was the best of times", 0, 500)
    assert transcript.partial(segment(0), "the worst of days", 300, 900) == Partial(
        0, 2, "the worst of days", 300, 900
    )


def test_what_was_shown_of_one_segment_is_no_part_of_the_next() -> None:
    transcript = Transcript()
    transcript.partial(segment(0), "it was the best of times", 0, 500)
    assert transcript.partial(segment(1), "best of times it was", 1_300, 1_900) == Partial(
        1, 1, "best of times it was", 1_300, 1_900
    )
