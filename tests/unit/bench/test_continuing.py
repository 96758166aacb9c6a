from __future__ import annotations

import pytest

from bench.continuing import ContinuingResult, Row, _continued, _segments, _wrong
from bench.speech import SpokenSentence
from common.audio import SAMPLE_RATE


@pytest.mark.parametrize(
    ("prefix", "said", "continued"),
    [
        ((), (1, 2), (1, 2)),
        ((1, 2), (1, 2, 3), (1, 2, 3)),
        ((1, 2), (9, 1, 2, 3), (1, 2, 3)),
        ((1, 2, 3), (1, 2, 9, 4), (1, 2, 3, 4)),
        ((1, 2), (7, 8, 9), (1, 2, 9)),
    ],
)
def test_what_is_said_behind_a_prefix(
    prefix: tuple[int, ...], said: tuple[int, ...], continued: tuple[int, ...]
) -> None:
    assert _continued(prefix, said) == continued


@pytest.mark.parametrize(
    ("words", "wrong"), [("the cat sat", 0), ("the cat cat sat", 1), ("the dog sat on", 1), ("cat sat", 1)]
)
def test_wrong_words_of_a_text_that_ends_somewhere_in_what_was_spoken(words: str, wrong: int) -> None:
    assert _wrong(words.split(), "The cat sat on the mat, and slept.") == wrong


def test_segments_are_whole_sentences_of_12_to_28_seconds() -> None:
    ends = [10, 20, 27, 33, 40, 60, 71]
    sentences = [
        SpokenSentence(start * SAMPLE_RATE, end * SAMPLE_RATE, "")
        for start, end in zip([0, *ends], ends, strict=False)
    ]
    found = [[sentence.end // SAMPLE_RATE for sentence in segment] for segment in _segments(sentences)]
    assert found == [[10, 20, 27], [33, 40], [60]]


def test_the_last_row_is_the_sum() -> None:
    [table] = ContinuingResult((Row(20, 5, 5, 90, 1, 0), Row(25, 6, 5, 80, 0, 2))).tables()
    assert table.rows[-1] == (45, 11, 10, 170, 1, 2)
