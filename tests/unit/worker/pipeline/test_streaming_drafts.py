"""Once in a while an engine that goes on from its text hears the whole segment, beside the partials."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from common.events import Partial
from tests.support.driven_pipeline import PARTIALS, Driven, emitted, kinds
from worker.pipeline.effects import Decode, DecodeKind, Withdraw

STAYING: Final = replace(PARTIALS, stays=True)


def moved() -> Driven:
    """In a segment whose window of 2 s has just been full."""
    driven = Driven(partials=STAYING)
    while DecodeKind.DRAFT not in kinds(driven.effects):
        driven.feed("speech 0.032")
        assert driven.pipeline.cursor < 3 * PARTIALS.window
    return driven


def test_a_window_that_moves_asks_for_a_partial_of_its_newer_half_and_a_draft_of_it_all() -> None:
    driven = moved()
    *_, partial, draft = [effect for effect in driven.effects if isinstance(effect, Decode)]
    assert partial == Decode(DecodeKind.PARTIAL, 0, partial.end - PARTIALS.window // 2, partial.end)
    assert draft == Decode(DecodeKind.DRAFT, 0, 0, partial.end)


def test_windows_that_move_along_need_no_drafts() -> None:
    assert DecodeKind.DRAFT not in kinds(Driven().feed("speech 5"))


def test_a_draft_whose_turn_comes_late_hears_what_came_meanwhile() -> None:
    driven = moved()
    draft = driven.last(DecodeKind.DRAFT)
    driven.feed("speech 0.2")
    assert driven.pipeline.begun(draft) == replace(draft, end=driven.pipeline.cursor)


def test_a_draft_is_shown_while_it_is_as_new_as_what_is_shown() -> None:
    driven = moved()
    driven.apply(DecodeKind.PARTIAL, "no matter")
    draft = driven.last(DecodeKind.DRAFT)
    [shown] = emitted(driven.apply(DecodeKind.DRAFT, "ever tried, no matter"))
    assert shown == Partial(0, 2, "ever tried, no matter", 0, draft.end)
    driven.feed("speech 0.5")
    driven.apply(DecodeKind.PARTIAL, "no matter, try")
    assert driven.pipeline.apply(draft, "ever tried, no matter") == []


def test_a_draft_that_fails_harms_nobody() -> None:
    driven = moved()
    assert not driven.pipeline.failed(driven.last(DecodeKind.DRAFT))


@pytest.mark.parametrize("kind", [DecodeKind.PARTIAL, DecodeKind.DRAFT])
def test_an_endpoint_withdraws_what_the_final_says_better(kind: DecodeKind) -> None:
    assert Withdraw(kind, 0) in moved().feed("silence 1.2")


def test_a_decode_ahead_lets_a_draft_go_on() -> None:
    ahead = moved().feed("silence 0.7")
    assert DecodeKind.SPECULATIVE in kinds(ahead)
    assert Withdraw(DecodeKind.DRAFT, 0) not in ahead
