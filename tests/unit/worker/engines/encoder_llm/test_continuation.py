from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, repeat
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engines.encoder_llm.continuation import ROLLBACK_TOKENS, Continuation, common_prefix

TEXT: Final = tuple(range(100, 120))
OTHER: Final = tuple(range(200, 210))
tokens: Final = st.lists(st.integers(0, 2), max_size=12).map(tuple)


def heard(*hypotheses: tuple[int, ...], start: int = 0) -> Continuation:
    """Of audio that ends at 100, 200 and so on."""
    continuation = Continuation()
    for number, hypothesis in enumerate(hypotheses, start=1):
        continuation.heard(start, start + 100 * number, hypothesis)
    return continuation


def test_one_hypothesis_agrees_with_nobody() -> None:
    assert Continuation().prefix(0, 100) == ()
    assert heard(TEXT).prefix(0, 100) == ()


def test_two_agree_on_their_common_beginning_less_the_rollback() -> None:
    assert heard(TEXT[:10], (*TEXT[:8], 1, 2)).prefix(0, 200) == TEXT[: 8 - ROLLBACK_TOKENS]


def test_a_short_agreement_is_none() -> None:
    assert heard(TEXT[:ROLLBACK_TOKENS], TEXT[: ROLLBACK_TOKENS + 3]).prefix(0, 200) == ()


def test_a_longer_agreement_replaces_a_shorter_one() -> None:
    assert heard(TEXT[:8], TEXT[:12], TEXT).prefix(0, 300) == TEXT[: 12 - ROLLBACK_TOKENS]


def test_what_was_said_of_more_audio_is_not_given_to_less() -> None:
    continuation = heard(TEXT[:8], TEXT[:12], TEXT)
    assert continuation.prefix(0, 99) == ()
    assert continuation.prefix(0, 100) == continuation.prefix(0, 199) == TEXT[: 8 - ROLLBACK_TOKENS]
    assert continuation.prefix(0, 200) == TEXT[: 12 - ROLLBACK_TOKENS]


def test_a_window_that_begins_elsewhere_begins_anew_and_the_segment_is_kept() -> None:
    continuation = heard(TEXT, TEXT)
    assert continuation.prefix(160, 400) == ()
    continuation.heard(160, 300, OTHER)
    assert continuation.prefix(160, 400) == ()
    continuation.heard(160, 400, OTHER)
    assert continuation.prefix(160, 400) == OTHER[:-ROLLBACK_TOKENS]
    assert continuation.prefix(0, 400) == TEXT[:-ROLLBACK_TOKENS]


def in_the_next_window(*hypotheses: tuple[int, ...]) -> Continuation:
    """Behind TEXT, of which TEXT[:14] is agreed, hypotheses of audio that begins at 160 and ends at 300, 400
    and so on."""
    continuation = heard(TEXT[:18], TEXT)
    for end, tokens in enumerate(hypotheses, start=3):
        continuation.heard(160, 100 * end, tokens)
    return continuation


@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        pytest.param(TEXT[5:], TEXT[5:-ROLLBACK_TOKENS], id="as it was said"),
        pytest.param((*TEXT[5:], *OTHER), TEXT[5:-ROLLBACK_TOKENS], id="and more"),
        pytest.param((1, *TEXT[7:18], 2), (1, *TEXT[7 : 18 - ROLLBACK_TOKENS]), id="its ends are others"),
        pytest.param(TEXT[15:], (), id="too little to be sure of"),
        pytest.param((*TEXT[5:], 1, *TEXT[5:]), (), id="twice"),
        pytest.param(OTHER, (), id="something else"),
        pytest.param((), (), id="nothing"),
    ],
)
def test_a_new_window_agrees_with_what_was_said_of_its_audio_before(
    said: tuple[int, ...], agreed: tuple[int, ...]
) -> None:
    continuation = in_the_next_window(said)
    assert continuation.prefix(160, 300) == agreed
    assert continuation.prefix(160, 99) == ()


def test_what_the_windows_agree_on_is_one_text() -> None:
    continuation = in_the_next_window((1, *TEXT[7:]), (1, *TEXT[7:], *OTHER))
    assert continuation.prefix(0, 400) == TEXT[:-ROLLBACK_TOKENS]
    assert continuation.prefix(0, 299) == TEXT[:-ROLLBACK_TOKENS]
    assert continuation.prefix(0, 199) == TEXT[:14]
    continuation.heard(160, 500, (1, *TEXT[7:], *OTHER, *OTHER))
    assert continuation.prefix(0, 500) == (*TEXT, *OTHER[:-ROLLBACK_TOKENS])


def test_a_window_that_says_it_later_goes_on_from_then_on() -> None:
    continuation = in_the_next_window(OTHER, (*TEXT[5:], *OTHER), (*TEXT[5:], *OTHER, 1))
    assert continuation.prefix(0, 500) == (*TEXT, *OTHER[:-ROLLBACK_TOKENS])


def test_where_a_window_does_not_go_on_the_later_ones_do_not_either() -> None:
    continuation = in_the_next_window(OTHER, OTHER, OTHER)
    for end in (600, 700):
        continuation.heard(320, end, OTHER)
    assert continuation.prefix(320, 700) == OTHER[:-ROLLBACK_TOKENS]
    assert continuation.prefix(0, 700) == TEXT[:14]


@pytest.mark.parametrize("phrase", [TEXT[:8], TEXT[12:]])
def test_a_phrase_that_is_said_again_later_joins_nothing(phrase: tuple[int, ...]) -> None:
    """What lies between the two times is agreed, or at least was said."""
    said = (OTHER, (*OTHER, *phrase), (*OTHER, *phrase, *OTHER), (*OTHER, *phrase, *OTHER, 1))
    continuation = in_the_next_window(*said)
    assert continuation.prefix(0, 600) == TEXT[:14]


def test_what_is_agreed_on_is_never_taken_back() -> None:
    continuation = in_the_next_window((*TEXT[2:12], *OTHER), (*TEXT[2:12], *OTHER, *OTHER))
    assert continuation.prefix(0, 400) == TEXT[:14]


def test_of_the_windows_only_the_newest_is_kept() -> None:
    continuation = in_the_next_window(OTHER, OTHER)
    continuation.heard(320, 600, OTHER[::-1])
    assert continuation.prefix(160, 600) == ()
    continuation.heard(160, 700, OTHER)
    assert continuation.prefix(160, 700) == continuation.prefix(320, 700) == ()


def test_a_segment_whose_beginning_no_window_heard_goes_on_from_nothing() -> None:
    continuation = heard(TEXT, TEXT, start=160)
    assert continuation.prefix(0, 900) == ()


def said(text: Sequence[int], unsure: int, start: int, end: int, prefix: tuple[int, ...]) -> tuple[int, ...]:
    """`text`, one token to one sample, as a model says [start, end) that is only wrong at both ends of it:
    the token at the front of a window that begins in speech, `unsure` tokens at its end."""
    front = [1_000 + start] if start else []
    whole = [*front, *text[start + len(front) : end]]
    wrong = [2_000 + end] * min(unsure, len(whole) - len(front))
    return (*prefix, *(whole[: len(whole) - len(wrong)] + wrong)[len(prefix) :])


def agreed_on(
    text: Sequence[int], unsure: int, steps: Iterator[int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """How much was heard and what is agreed of it, at each of the partials of a segment. Their windows
    hold 32 samples and go on with their newer half."""
    continuation, start, end = Continuation(), 0, 0
    while end < len(text):
        end = min(len(text), end + next(steps))
        start = end - 16 if end - start > 32 else start
        continuation.heard(start, end, said(text, unsure, start, end, continuation.prefix(start, end)))
        yield end, continuation.prefix(0, end)


@given(st.lists(st.integers(0, 60), min_size=60, max_size=120), st.integers(0, ROLLBACK_TOKENS), st.data())
def test_agreed_text_of_many_windows_is_what_was_spoken(
    text: list[int], unsure: int, data: st.DataObject
) -> None:
    steps = (data.draw(st.integers(1, 4)) for _ in count())
    for _, agreed in agreed_on(text, unsure, steps):
        assert agreed == tuple(text[: len(agreed)])


def test_agreed_text_of_many_windows_is_as_new_as_that_of_one() -> None:
    unsure, step = 2, 2
    for heard_to, agreed in agreed_on(range(120), unsure, repeat(step)):
        assert len(agreed) == max(0, heard_to - step - unsure - ROLLBACK_TOKENS)


@pytest.mark.parametrize(
    ("one", "other", "common"), [((), (), 0), ((1,), (), 0), ((1, 2), (1, 2, 3), 2), ((1, 2), (1, 3), 1)]
)
def test_common_prefix(one: tuple[int, ...], other: tuple[int, ...], common: int) -> None:
    assert common_prefix(one, other) == common_prefix(other, one) == common


@given(st.lists(tokens, min_size=1, max_size=8))
def test_decodes_that_go_on_from_the_prefix_agree_on_more_and_more(new: list[tuple[int, ...]]) -> None:
    """As the engine uses it: each hypothesis begins with what it was given."""
    continuation = Continuation()
    before: tuple[int, ...] = ()
    for end, said in enumerate(new, start=1):
        hypothesis = (*continuation.prefix(0, end), *said)
        continuation.heard(0, end, hypothesis)
        prefix = continuation.prefix(0, end)
        assert prefix[: len(before)] == before
        assert prefix == before or hypothesis[: len(prefix)] == prefix
        before = prefix
