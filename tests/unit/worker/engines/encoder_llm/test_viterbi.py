from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engines.encoder_llm.viterbi import Emissions, LabelSpan, LogProbs, align, has_room

VOCABULARY = 4
BLANK = 0
Item = tuple[LogProbs, list[int]]


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Log-probabilities of all labels, and labels to look for."""
    frames = draw(st.integers(1, 6))
    labels = draw(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    scores = random.normal(scale=2.0, size=(frames, VOCABULARY))
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32), labels


def emissions(item: Item) -> Emissions:
    log_probs, labels = item
    return Emissions(log_probs[:, [BLANK, *labels]], labels)


def likeliest(item: Item) -> tuple[LabelSpan, ...] | None:
    """Every path there is, tried."""
    log_probs, labels = item
    frames = range(len(log_probs))
    fitting = [
        path for path in product(range(VOCABULARY), repeat=len(log_probs)) if collapsed(path) == labels
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda path: float(sum(log_probs[frame, path[frame]] for frame in frames)))
    spans, start = [], 0
    for label, run in groupby(best):
        end = start + len(list(run))
        if label != BLANK:
            spans.append(LabelSpan(start, end, float(np.exp(log_probs[start:end, label].max()))))
        start = end
    return tuple(spans)


def collapsed(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in groupby(path) if label != BLANK]


def path_score(item: Item, spans: tuple[LabelSpan, ...]) -> float:
    log_probs, labels = item
    said = np.full(len(log_probs), BLANK)
    for span, label in zip(spans, labels, strict=True):
        said[span.start : span.end] = label
    return float(log_probs[np.arange(len(said)), said].sum())


def score(item: Item, spans: tuple[LabelSpan, ...]) -> float:
    """Log-probability of the path with these spans."""
    log_probs, labels = item
    path = np.full(len(log_probs), BLANK)
    for span, label in zip(spans, labels, strict=True):
        path[span.start : span.end] = label
    return float(log_probs[np.arange(len(path)), path].sum())


@given(items())
def test_the_path_is_the_likeliest_of_all_there_are(item: Item) -> None:
    [found], wanted = align([emissions(item)]), likeliest(item)
    assert (found is None) == (wanted is None) == (not has_room(len(item[0]), item[1]))
    if found is not None and wanted is not None:
        assert [(span.start, span.end) for span in found] == [(span.start, span.end) for span in wanted]
        assert [span.score for span in found] == pytest.approx([span.score for span in wanted])
        assert score(item, found) == pytest.approx(score(item, wanted))


@given(st.lists(items(), max_size=6))
def test_an_item_is_aligned_the_same_alone_and_in_any_company(batch: list[Item]) -> None:
    alone = [align([emissions(item)])[0] for item in batch]
    assert align([emissions(item) for item in batch]) == alone


def certain(path: list[int]) -> Item:
    log_probs = np.full((len(path), VOCABULARY), np.log(0.1), np.float32)
    log_probs[np.arange(len(path)), path] = np.log(0.7)
    return log_probs, collapsed(tuple(path))


def test_spans_are_frames_with_an_exclusive_end() -> None:
    [found] = align([emissions(certain([0, 1, 1, 0, 2, 0, 2]))])
    assert found is not None
    assert [(span.start, span.end) for span in found] == [(1, 3), (4, 5), (6, 7)]


def test_the_score_is_the_best_probability_in_the_span() -> None:
    log_probs, labels = certain([1, 1, 0])
    log_probs[1, 1] = np.log(0.9)
    [found] = align([emissions((log_probs, labels))])
    assert found is not None
    assert [span.score for span in found] == pytest.approx([0.9])


@pytest.mark.parametrize(
    ("frames", "labels", "fits"),
    [(1, [1], True), (0, [1], False), (2, [1, 1], False), (3, [1, 1], True), (3, [1, 2, 1], True)],
)
def test_equal_neighbours_need_a_frame_between_them(frames: int, labels: list[int], fits: bool) -> None:
    assert has_room(frames, labels) is fits
    log_probs = np.full((frames, VOCABULARY), np.log(0.25), np.float32)
    assert (align([emissions((log_probs, labels))]) != [None]) is fits


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_no_times_and_spoils_no_other(number: float) -> None:
    good, bad = certain([1, 0, 2]), certain([1, 0, 2])
    bad[0][1, 2] = number
    alone = align([emissions(good)])
    assert align([emissions(bad), emissions(good), emissions(bad)]) == [None, *alone, None]


def test_nothing_to_align_is_nothing() -> None:
    assert align([]) == []
