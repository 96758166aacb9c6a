from __future__ import annotations

from itertools import chain, combinations, pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engines.encoder_llm.buckets import (
    LENGTHS,
    MAX_FRAMES,
    ROWS,
    captured_sizes,
    cost,
    length_for,
    planned,
)
from worker.engines.encoder_llm.families.fun_asr_nano import MAX_SEGMENT_MS, low_rate_frames

windows: Final = st.lists(st.integers(1, LENGTHS[-1]), min_size=1, max_size=128)


@given(windows)
def test_every_window_is_encoded_once(low_rates: list[int]) -> None:
    taken = [index for batch in planned(low_rates) for index in batch.indices]
    assert sorted(taken) == list(range(len(low_rates)))


@given(windows)
def test_every_batch_has_a_captured_size_that_holds_it(low_rates: list[int]) -> None:
    sizes = set(captured_sizes())
    for batch in planned(low_rates):
        assert (batch.rows, batch.length) in sizes
        assert len(batch.indices) <= batch.rows
        assert max(low_rates[index] for index in batch.indices) <= batch.length


@given(st.lists(st.integers(1, LENGTHS[-1]), min_size=1, max_size=8))
def test_no_other_batches_cost_less(low_rates: list[int]) -> None:
    """Of windows in order of their length; others in between would only be padded more."""
    lengths = sorted(map(length_for, low_rates), reverse=True)
    inner = range(1, len(lengths))
    divisions = chain.from_iterable(combinations(inner, count) for count in range(len(lengths)))
    cheapest = min(
        sum(cost(rows_for(end - begin), lengths[begin]) for begin, end in pairwise((0, *cuts, len(lengths))))
        for cuts in divisions
    )
    assert sum(cost(batch.rows, batch.length) for batch in planned(low_rates)) == cheapest


def rows_for(count: int) -> int:
    return min(rows for rows in ROWS if rows >= count)


@given(windows)
def test_rows_are_no_more_than_twice_what_is_needed(low_rates: list[int]) -> None:
    for batch in planned(low_rates):
        assert batch.rows < 2 * len(batch.indices) or batch.rows == 1


def test_windows_of_live_streams_are_one_launch() -> None:
    [batch] = planned([134, 60, 8, 134, 100])
    assert (batch.rows, batch.length) == (8, 136)


def test_no_windows_are_no_batches() -> None:
    assert planned([]) == []


@given(st.integers(1, LENGTHS[-1]))
def test_a_window_goes_into_the_least_length_that_holds_it(low_rate: int) -> None:
    length = length_for(low_rate)
    assert length >= low_rate
    assert all(other < low_rate for other in LENGTHS if other < length)


def test_the_longest_segment_has_a_size() -> None:
    assert length_for(low_rate_frames(MAX_SEGMENT_MS // 10)) == LENGTHS[-1]


def test_a_window_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="505 frames of 60 ms are more than 504"):
        planned([8, LENGTHS[-1] + 1])


def test_the_largest_size_is_captured_first_and_none_is_too_large() -> None:
    sizes = captured_sizes()
    areas = [rows * length for rows, length in sizes]
    assert areas == sorted(areas, reverse=True)
    assert all(area <= MAX_FRAMES or rows == 1 for area, (rows, _) in zip(areas, sizes, strict=True))
    assert {length for _, length in sizes} == set(LENGTHS)
