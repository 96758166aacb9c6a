from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.arrivals import Arrivals


def arrivals() -> Arrivals:
    """Frames of 100 samples: the first came at 10 s, the second at 11 s, the third at 12 s."""
    heard = Arrivals()
    for number in range(3):
        heard.add((number + 1) * 100, 10.0 + number)
    return heard


def test_a_sample_came_with_the_frame_that_holds_it() -> None:
    assert [arrivals().time_of(sample) for sample in (0, 99, 100, 199, 200, 299)] == [10, 10, 11, 11, 12, 12]


def test_a_frame_without_samples_changes_nothing() -> None:
    heard = arrivals()
    heard.add(300, 99.0)
    assert heard.time_of(299) == 12.0


def test_a_sample_not_yet_there_has_the_last_known_time() -> None:
    assert arrivals().time_of(300) == arrivals().time_of(10**9) == 12.0


def test_before_any_frame_there_is_no_time() -> None:
    assert Arrivals().time_of(0) is None
    assert Arrivals().age_of(0, 13.0) == 0.0


def test_a_sample_is_as_old_as_its_frame_and_never_from_the_future() -> None:
    assert [arrivals().age_of(sample, 11.5) for sample in (0, 100, 200)] == [1.5, 0.5, 0.0]


def test_trimming_forgets_frames_that_ended_before() -> None:
    heard = arrivals()
    heard.trim(101)
    assert heard.time_of(0) == 11.0
    heard.trim(10**9)
    assert heard.time_of(0) is None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(0, 1_000), st.data())
def test_trimming_changes_no_answer_behind_it(lengths: list[int], before: int, data: st.DataObject) -> None:
    whole, trimmed, end = Arrivals(), Arrivals(), 0
    for number, length in enumerate(lengths):
        end += length
        for kept in (whole, trimmed):
            kept.add(end, float(number))
    before = min(before, end - 1)
    trimmed.trim(before)
    sample = data.draw(st.integers(before, end + 10))
    assert trimmed.time_of(sample) == whole.time_of(sample)
