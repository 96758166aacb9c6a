from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.texts import (
    RECORDED_TEXTS,
    WordErrors,
    differing_words,
    normalised,
    sentences,
    total,
    word_errors,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("I can't – won't – stop.", "i cant wont stop"),
        ("It\u2019s   well-known\nhere", "its well known here"),
        ("snake_case", "snake case"),
        ("...", ""),
    ],
)
def test_normalising_leaves_lower_case_words_only(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("reference", "transcript", "errors", "words"),
    [
        ("The cat sat.", "the cat sat", 0, 3),
        ("The cat sat.", "the bat sat", 1, 3),
        ("The cat sat.", "the sat", 1, 3),
        ("The cat sat.", "the black cat sat", 1, 3),
        ("The cat sat.", "", 3, 3),
        ("", "some words", 2, 0),
        ("", "", 0, 0),
    ],
)
def test_each_wrong_word_counts_once(reference: str, transcript: str, errors: int, words: int) -> None:
    assert word_errors(reference, transcript) == WordErrors(errors, words)


def test_total_rate_weighs_by_words_not_by_sentences() -> None:
    assert total([WordErrors(1, 1), WordErrors(0, 9)]).rate == 0.1
    assert total([]) == WordErrors(0, 0)


def test_rate_without_reference_words_is_not_zero_when_something_was_heard() -> None:
    assert WordErrors(2, 0).rate == 2.0


def test_differing_words_are_paired_with_what_was_written_for_them() -> None:
    assert differing_words("The cat sat down.", "the big bat sat") == (
        ("", "big"),
        ("cat", "bat"),
        ("down", ""),
    )
    assert differing_words("The cat.", "the cat") == ()
    assert differing_words("", "noise") == (("", "noise"),)
    assert differing_words("", "") == ()


def test_sentences_are_everyday_ones_that_no_normaliser_need_touch() -> None:
    listed = sentences()
    assert len(set(listed)) == len(listed) == 100
    assert all(5 <= len(normalised(sentence).split()) <= 18 for sentence in listed)
    assert not any(character.isdigit() for sentence in listed for character in sentence)


def test_empty_lines_are_no_sentences(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("One here. \n\n  Another.\n", encoding="utf-8")
    assert sentences(file) == ("One here.", "Another.")


def test_recorded_texts_have_all_their_words() -> None:
    counts = {name: len(normalised(text).split()) for name, text in RECORDED_TEXTS.items()}
    assert counts == {"beckett": 12, "two_cities": 119}
