from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engines.encoder_llm.continuation import ROLLBACK_TOKENS, Continuation, common_prefix

TEXT: Final = tuple(range(100, 120))
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
    continuation.heard(160, 300, TEXT[::-1])
    assert continuation.prefix(160, 400) == ()
    continuation.heard(160, 400, TEXT)
    continuation.heard(160, 400, TEXT)
    assert continuation.prefix(0, 400) == continuation.prefix(160, 400) == TEXT[:-ROLLBACK_TOKENS]


@pytest.mark.parametrize(
    ("window", "agreed"),
    [
        pytest.param(TEXT[9:], TEXT[9:-ROLLBACK_TOKENS], id="as it was said"),
        pytest.param((*TEXT[9:18], 1, 2, 3), TEXT[9 : 18 - ROLLBACK_TOKENS], id="another end"),
        pytest.param((1, *TEXT[9:]), (), id="another beginning"),
        pytest.param((*TEXT[9:16], 1, 2, 3), (), id="too little to be sure of"),
        pytest.param((), (), id="nothing"),
    ],
)
def test_a_new_window_agrees_with_what_was_said_of_its_audio_before(
    window: tuple[int, ...], agreed: tuple[int, ...]
) -> None:
    continuation = heard(TEXT[:-2], TEXT)
    continuation.heard(120, 300, window)
    assert continuation.prefix(120, 300) == agreed
    assert continuation.prefix(120, 199) == ()


def test_of_the_windows_only_the_newest_is_kept() -> None:
    continuation = heard(TEXT, TEXT)
    for start in (160, 320):
        for end in (500, 600):
            continuation.heard(start, end, TEXT)
    assert continuation.prefix(160, 600) == ()
    assert continuation.prefix(320, 600) == continuation.prefix(0, 600) == TEXT[:-ROLLBACK_TOKENS]


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
