from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadHotwords, BadTimestamps
from gateway.dialects.option_texts import (
    MAX_HOTWORDS,
    MAX_WORD_CHARACTERS,
    parse_hotwords,
    parse_replacements,
    parse_timestamps,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" , ，, ", ()),
        ("vllm", ("vllm",)),
        (" vllm , new york ,vllm", ("vllm", "new york", "vllm")),
        ("阿里，巴巴,云", ("阿里", "巴巴", "云")),
    ],
)
def test_hotwords_stand_between_commas_of_either_kind(text: str, words: tuple[str, ...]) -> None:
    assert parse_hotwords(text) == words


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("v l m=>vLLM", (("v l m", "vLLM"),)),
        (" a -> b , c → d ，e=>f", (("a", "b"), ("c", "d"), ("e", "f"))),
        ("word", (("word", "word"),)),
        ("noise=>", (("noise", ""),)),
        ("a=>b=>c", (("a", "b=>c"),)),
    ],
)
def test_replacements_are_pairs_with_an_arrow(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_replacements(text) == pairs


@pytest.mark.parametrize("parse", [parse_hotwords, parse_replacements])
def test_words_are_few_short_and_printable(parse: Callable[[str], tuple[object, ...]]) -> None:
    word = "x" * MAX_WORD_CHARACTERS
    assert len(parse(",".join([word] * MAX_HOTWORDS))) == MAX_HOTWORDS
    for text in (f"{word}x", ",".join(["x"] * (MAX_HOTWORDS + 1)), "a\0b", "a\nb", "a\u200eb", "\ud800"):
        with pytest.raises(BadHotwords):
            parse(text)


@pytest.mark.parametrize("text", ["=>right", "a=>b\0", f"a=>{'x' * 65}"])
def test_a_replacement_needs_a_word_and_a_decent_right_side(text: str) -> None:
    with pytest.raises(BadHotwords):
        parse_replacements(text)


@pytest.mark.parametrize(("text", "choice"), [("true", True), (" False ", False), ("TRUE", True)])
def test_timestamps_are_asked_for_or_not(text: str, choice: bool) -> None:
    assert parse_timestamps(text) is choice


@pytest.mark.parametrize("text", ["", "1", "yes", "true,false", "truе", "none"])
def test_any_other_choice_is_refused(text: str) -> None:
    with pytest.raises(BadTimestamps):
        parse_timestamps(text)


@given(st.text() | st.text(alphabet="ab,=>-→，\0 ", max_size=40))
def test_any_text_is_a_list_of_decent_words_or_refused(text: str) -> None:
    with contextlib.suppress(BadHotwords):
        assert all(word == word.strip() and word for word in parse_hotwords(text))
    with contextlib.suppress(BadHotwords):
        assert all(wrong == wrong.strip() and wrong for wrong, _ in parse_replacements(text))
