from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.text.repetition import MAX_PERIOD_CHARACTERS, MAX_PERIOD_WORDS, without_runaway

TWELVE = "a b c d e f g h i j k l"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no no no no no", "no"),
        ("well no no no no no then", "well no then"),
        ("I see. I see. I see. I see. I see.", "I see."),
        ("Thank you. thank you, THANK YOU! thank you thank you", "Thank you."),
        (f"{TWELVE} " * 5, TWELVE),
        ("ha ha ha ha ha and no no no no no", "ha and no"),
        ("... ... ... ... ...", "..."),
        ("谢谢大家" * 7, "谢谢大家"),
        ("好，" + "谢谢大家" * 8 + "。", "好，谢谢大家。"),
    ],
)
def test_a_phrase_said_five_times_over_is_said_once(text: str, expected: str) -> None:
    assert without_runaway(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        "  no   no no  no ",
        "one two three four five six",
        "you are a b c d you are e f g",
        "哈哈哈哈哈哈",
        "谢谢大家" * 4,
        "谢谢大家" * 6,
        "no, no. yes no no. yes",
    ],
)
def test_what_people_say_comes_back_as_it_is(text: str) -> None:
    assert without_runaway(text) == text


def test_phrases_beyond_the_longest_period_are_left_alone() -> None:
    words = " ".join(f"w{number}" for number in range(MAX_PERIOD_WORDS + 1))
    assert without_runaway(f"{words} " * 5) == f"{words} " * 5
    characters = "".join(chr(0x4E00 + number) for number in range(MAX_PERIOD_CHARACTERS + 1))
    assert without_runaway(characters * 5) == characters * 5


@given(st.lists(st.sampled_from(["no", "yes", "well", "so"]), max_size=40))
def test_no_word_is_invented_and_none_but_repeats_is_lost(words: list[str]) -> None:
    kept = without_runaway(" ".join(words)).split()
    assert set(kept) == set(words)
    remaining = iter(words)
    assert all(word in remaining for word in kept)


@given(st.text(max_size=60))
def test_it_never_makes_a_text_longer(text: str) -> None:
    assert len(without_runaway(text)) <= len(text)


def test_the_longest_runaway_is_cut_at_once() -> None:
    began = time.process_time()
    assert without_runaway("so it goes " * 5_000) == "so it goes"
    assert len(without_runaway("x" * 20_000)) == 1
    assert time.process_time() - began < 5
