from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from common.checkpoint import ORIGIN
from common.events import Stopped
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit, Promote, ResetVad, Settle, Withdraw


def test_finals_are_served_before_speculations_before_partials() -> None:
    assert sorted(DecodeKind) == [DecodeKind.FINAL, DecodeKind.SPECULATIVE, DecodeKind.PARTIAL]


def test_effects_are_equal_by_what_they_say() -> None:
    assert Decode(DecodeKind.FINAL, 1, 0, 10) == Decode(DecodeKind.FINAL, 1, 0, 10)
    assert Decode(DecodeKind.FINAL, 1, 0, 10) != Decode(DecodeKind.PARTIAL, 1, 0, 10)
    assert ResetVad() == ResetVad()
    assert Withdraw(DecodeKind.PARTIAL, 1) != Withdraw(DecodeKind.PARTIAL, 2)


@pytest.mark.parametrize(
    ("effect", "name"),
    [
        (Decode(DecodeKind.FINAL, 1, 0, 10), "end"),
        (Promote(1), "segment"),
        (Withdraw(DecodeKind.PARTIAL, 1), "kind"),
        (Emit(Stopped(0)), "event"),
        (Settle(ORIGIN), "checkpoint"),
    ],
)
def test_effects_cannot_be_changed(effect: Effect, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(effect, name, 0)
