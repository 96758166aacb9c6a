from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.text.replacements import replace_words

words = st.text(alphabet="abAB é中文.+(", min_size=1, max_size=4).filter(lambda word: bool(word.strip()))


@pytest.mark.parametrize(
    ("text", "wrong", "right", "expected"),
    [
        ("use v l m here", "v l m", "vLLM", "use vLLM here"),
        ("Use VLM, vlm.", "vlm", "vLLM", "Use vLLM, vLLM."),
        ("film", "il", "x", "film"),
        ("a_b ab", "a", "x", "a_b ab"),
        ("v2 v", "v", "x", "v2 x"),
        ("naïve na", "na", "x", "naïve x"),
        ("caféé café", "café", "x", "caféé x"),
        ("我用vlm推理", "vlm", "vLLM", "我用vLLM推理"),
        ("阿里巴巴云", "巴巴", "爸爸", "阿里爸爸云"),
        ("c++ and c", "c++", "C plus plus", "C plus plus and c"),
        ("a.b axb", "a.b", "x", "x axb"),
        ("say foo now", "foo", "", "say  now"),
        ("say foo", "foo", r"\1\g<0>", r"say \1\g<0>"),
    ],
)
def test_a_wrong_word_becomes_its_right_one_where_it_stands_whole(
    text: str, wrong: str, right: str, expected: str
) -> None:
    assert replace_words(text, [(wrong, right)]) == expected


def test_no_replacement_is_replaced_again() -> None:
    assert replace_words("a b", [("a", "b"), ("b", "a")]) == "b a"


def test_of_two_words_that_begin_together_the_longer_wins() -> None:
    assert replace_words("new york city", [("new", "old"), ("new york", "NY")]) == "NY city"


def test_of_two_entries_for_one_word_the_later_holds() -> None:
    assert replace_words("foo", [("Foo", "one"), ("foo", "two")]) == "two"


def test_letters_that_fold_to_more_than_one_are_left_alone() -> None:
    assert replace_words("İ i", [("i", "x")]) == "İ x"


@given(st.text(max_size=40))
def test_nothing_to_replace_changes_nothing(text: str) -> None:
    assert replace_words(text, []) == text


@given(st.text(alphabet="abAB é中文.+( ", max_size=30), words)
def test_a_word_replaced_by_itself_changes_at_most_its_case(text: str, word: str) -> None:
    assert replace_words(text, [(word, word)]).casefold() == text.casefold()


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)), max_size=5),
)
def test_any_words_can_be_replaced_in_any_text(text: str, replacements: list[tuple[str, str]]) -> None:
    assert isinstance(replace_words(text, replacements), str)
