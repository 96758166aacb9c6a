from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import BYTES_PER_SAMPLE, float_to_pcm16
from common.timeline import AudioTimeline
from tests.support.pipeline_run import between

PCM: Final = bytes(range(200))


def timeline(first: int = 0) -> AudioTimeline:
    held = AudioTimeline(first)
    held.append(PCM)
    return held


operations = st.lists(
    st.integers(0, 60).map(lambda samples: PCM[: 2 * samples]) | st.integers(-5, 80), max_size=20
)


@given(st.integers(0, 10**6), operations, st.data())
def test_it_is_the_bytes_received_less_what_was_trimmed(
    first: int, steps: list[bytes | int], data: st.DataObject
) -> None:
    held, received, start = AudioTimeline(first), b"", first
    for step in steps:
        if isinstance(step, bytes):
            held.append(step)
            received += step
        else:
            held.trim(first + step)
            start = max(start, min(first + step, first + len(received) // BYTES_PER_SAMPLE))
    end = first + len(received) // BYTES_PER_SAMPLE
    assert (held.start, held.end) == (start, end)
    left, right = sorted(data.draw(st.tuples(st.integers(start, end), st.integers(start, end))))
    assert float_to_pcm16(held.samples(left, right)) == between(received, left - first, right - first)


def test_a_new_timeline_holds_nothing_from_the_first_sample_on() -> None:
    assert (AudioTimeline().start, AudioTimeline().end) == (0, 0)
    assert (AudioTimeline(7).start, AudioTimeline(7).end) == (7, 7)


def test_samples_are_addressed_from_the_first_one_given() -> None:
    held = timeline(first=1_000)
    assert float_to_pcm16(held.samples(1_010, 1_020)) == PCM[20:40]
    assert held.samples(1_000, 1_000).shape == (0,)


@pytest.mark.parametrize(("start", "end"), [(39, 50), (40, 101), (60, 50), (-1, 1), (101, 101)])
def test_audio_that_is_not_held_is_an_error(start: int, end: int) -> None:
    held = timeline()
    held.trim(40)
    with pytest.raises(IndexError, match=r"within \[40, 100\)"):
        held.samples(start, end)


def test_trimming_never_goes_back_nor_beyond_what_came() -> None:
    held = timeline()
    held.trim(60)
    held.trim(20)
    assert (held.start, held.end) == (60, 100)
    held.trim(1_000)
    assert (held.start, held.end) == (100, 100)


def test_audio_goes_on_where_everything_was_trimmed() -> None:
    held = timeline()
    held.trim(100)
    held.append(b"\1\2")
    assert float_to_pcm16(held.samples(100, 101)) == b"\1\2"


def test_samples_stay_good_when_the_timeline_moves_on() -> None:
    held = timeline()
    taken = held.samples(0, 10)
    held.trim(50)
    held.append(PCM)
    assert float_to_pcm16(taken) == PCM[:20]
