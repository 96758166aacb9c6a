from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engines.encoder_llm.timed_words import FRAME_S, timed_words
from worker.engines.encoder_llm.viterbi import LabelSpan
from worker.engines.words import TimedWord


def words(*tokens: str | bytes) -> tuple[TimedWord, ...]:
    """Token i is said in frames 10 i to 10 i + 5."""
    pieces = [token if isinstance(token, bytes) else token.encode() for token in tokens]
    spans = [LabelSpan(10 * number, 10 * number + 5, 0.5) for number in range(len(pieces))]
    return timed_words(b"".join(pieces).decode(), pieces, spans)


def frames(found: tuple[TimedWord, ...]) -> list[tuple[str, int, int]]:
    return [(word.text, round(word.start_s / FRAME_S), round(word.end_s / FRAME_S)) for word in found]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["ever", " tried"], [("ever", 0, 5), ("tried", 10, 15)]),
        (["ev", "er", " tr", "ied"], [("ever", 0, 15), ("tried", 20, 35)]),
        (
            ["don", "'t", " well", "-", "known", " 3", ".", "14"],
            [("don't", 0, 15), ("well-known", 20, 45), ("3.14", 50, 75)],
        ),
        (["你", "好"], [("你", 0, 5), ("好", 10, 15)]),
        (["你好", "吗"], [("你好", 0, 5), ("吗", 10, 15)]),
        (["用", "v", "LLM", "做"], [("用", 0, 5), ("vLLM", 10, 25), ("做", 30, 35)]),
        (["안녕", "하세요", " 친구"], [("안녕하세요", 0, 15), ("친구", 20, 25)]),
        (["नम", "स्ते"], [("नमस्ते", 0, 15)]),
        (["コー", "ド"], [("コー", 0, 5), ("ド", 10, 15)]),
    ],
)
def test_a_word_stands_between_blanks_or_is_one_character_where_there_are_none(
    tokens: list[str], expected: list[tuple[str, int, int]]
) -> None:
    assert frames(words(*tokens)) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["ever", ",", " tried", "."], [("ever,", 0, 5), ("tried.", 20, 25)]),
        (["你", "，", "好", "。"], [("你，", 0, 5), ("好。", 20, 25)]),
        (["说", "：", "“", "你", "”", "。"], [("说：", 0, 5), ("“你”。", 30, 35)]),
        (["he", " said", ' "', "no", '"', "!"], [("he", 0, 5), ("said", 10, 15), ('"no"!', 30, 35)]),
        (["ever", " -", " tried"], [("ever -", 0, 5), ("tried", 20, 25)]),
        (["bon", "jour", " !"], [("bonjour !", 0, 15)]),
        (["- ", "ever"], [("- ever", 10, 15)]),
        (["f", "(", "x", ")"], [("f", 0, 5), ("(x)", 20, 25)]),
        (["...", "!"], []),
        (["  "], []),
    ],
)
def test_punctuation_goes_with_a_word_and_has_no_time_of_its_own(
    tokens: list[str], expected: list[tuple[str, int, int]]
) -> None:
    assert frames(words(*tokens)) == expected


def test_characters_in_pieces_are_timed_from_their_first_to_their_last_piece() -> None:
    you, good = "你".encode(), "好".encode()
    assert frames(words(you[:1], you[1:], good[:2], good[2:])) == [("你", 0, 15), ("好", 20, 35)]


def test_characters_that_share_a_token_stay_together() -> None:
    you, good = "你".encode(), "好".encode()
    assert frames(words(you[:2], you[2:] + good[:1], good[1:], "吗")) == [("你好", 0, 25), ("吗", 30, 35)]


def test_times_are_seconds_and_the_score_is_the_mean_of_the_tokens() -> None:
    spans = [LabelSpan(1, 3, 0.2), LabelSpan(4, 5, 0.6)]
    [word] = timed_words("ever", [b"ev", b"er"], spans)
    assert (word.start_s, word.end_s, word.score) == pytest.approx((0.06, 0.3, 0.4))


@given(st.text(alphabet="ab 你好。，.“”(- \u0301ー", max_size=20), st.data())
def test_words_hold_all_of_a_text_in_order_and_their_times_rise(text: str, data: st.DataObject) -> None:
    whole = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=len(whole))))
    edges = [0, *(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(edges) if start < end]
    found = timed_words(text, pieces, [LabelSpan(2 * i, 2 * i + 1, 1.0) for i in range(len(pieces))])
    if found:
        assert re.sub(r"\s", "", "".join(word.text for word in found)) == re.sub(r"\s", "", text)
    else:
        assert not re.search(r"\w", text.replace("\u0301", "a"))
    times = [time for word in found for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
