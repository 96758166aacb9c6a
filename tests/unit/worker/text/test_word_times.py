from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Word
from worker.text.replacements import replace_words
from worker.text.word_times import replace_in_words


def timed(*texts: str) -> tuple[Word, ...]:
    return tuple(Word(text, 100 * number, 100 * number + 80) for number, text in enumerate(texts))


@pytest.mark.parametrize(
    ("words", "replacement", "expected"),
    [
        (["use", "vlm,", "now"], ("vlm", "vLLM"), [("use", 0, 80), ("vLLM,", 100, 180), ("now", 200, 280)]),
        (
            ["use", "v", "l", "m", "now"],
            ("v l m", "vLLM"),
            [("use", 0, 80), ("vLLM", 100, 380), ("now", 400, 480)],
        ),
        (["say", "foo", "now"], ("foo", ""), [("say", 0, 80), ("now", 200, 280)]),
        (["say", "foo,", "now"], ("foo", ""), [("say", 0, 80), ("now", 200, 280)]),
        (["a", "b"], ("a", "one two"), [("one two", 0, 80), ("b", 100, 180)]),
        (["a", "b"], ("x", "y"), [("a", 0, 80), ("b", 100, 180)]),
        (["foo-foo", "foo"], ("foo", "x"), [("x-x", 0, 80), ("x", 100, 180)]),
    ],
)
def test_times_stay_with_what_is_said_in_a_words_place(
    words: list[str], replacement: tuple[str, str], expected: list[tuple[str, int, int]]
) -> None:
    told = replace_in_words(timed(*words), " ".join(words), [replacement])
    assert told == tuple(Word(*word) for word in expected)


def test_characters_that_are_replaced_together_become_one_word() -> None:
    told = replace_in_words(
        timed("阿", "里", "巴", "巴", "云。"), "阿里巴巴云。", [("巴巴", "爸爸"), ("云", "云")]
    )
    assert told == (Word("阿", 0, 80), Word("里", 100, 180), Word("爸爸", 200, 380), Word("云。", 400, 480))


@pytest.mark.parametrize("words", [["ever"], ["tried", "ever"], ["ever", "tried", "no"], ["never", "tried"]])
def test_words_of_another_text_are_not_used(words: list[str]) -> None:
    assert replace_in_words(timed(*words), "ever tried", []) == ()


def test_no_words_stay_none() -> None:
    assert replace_in_words((), "ever", [("ever", "never")]) == ()


pieces = st.text(alphabet="abAB中文.", min_size=1, max_size=4).filter(
    lambda text: any(map(str.isalnum, text))
)

wrongs = st.text("ab 中", min_size=1, max_size=3).map(str.strip).filter(bool)


@given(
    st.lists(pieces, max_size=6),
    st.lists(st.tuples(wrongs, st.text("xy", min_size=1, max_size=3)), max_size=3),
)
def test_words_are_those_of_the_replaced_text(words: list[str], replacements: list[tuple[str, str]]) -> None:
    text = " ".join(words)
    told = replace_in_words(timed(*words), text, replacements)
    assert "".join(word.text for word in told).replace(" ", "") == replace_words(text, replacements).replace(
        " ", ""
    )
    times = [time for word in told for time in (word.start, word.end)]
    assert times == sorted(times)
