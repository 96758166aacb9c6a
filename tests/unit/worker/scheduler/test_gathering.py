"""How long requests come together: by the engine's wish and by what an answer takes."""

from __future__ import annotations

from typing import Final

import pytest

from worker.engines.base import Gather
from worker.scheduler.gathering import Gathering

WISH: Final = Gather(least_s=0.08, most_s=0.24, enough=64)


def after(answers: int, seconds: float) -> Gathering:
    gathering = Gathering()
    for _ in range(answers):
        gathering.answered(seconds)
    return gathering


def test_the_first_does_not_wait() -> None:
    assert Gathering().pause_s(WISH, 1, now=0.0) <= 0


def test_an_engine_without_a_wish_keeps_nobody_waiting() -> None:
    gathering = Gathering()
    gathering.begun(5.0)
    assert gathering.pause_s(None, 1, now=5.0) <= 0


@pytest.mark.parametrize(
    ("answer_s", "pause_s"),
    [
        pytest.param(0.01, 0.08, id="never less than the engine wishes"),
        pytest.param(0.06, 0.12, id="twice what an answer takes"),
        pytest.param(0.50, 0.24, id="never more than the engine wishes"),
    ],
)
def test_the_pause_follows_what_an_answer_takes(answer_s: float, pause_s: float) -> None:
    gathering = after(1_000, answer_s)
    gathering.begun(5.0)
    assert gathering.pause_s(WISH, 1, now=5.0) == pytest.approx(pause_s, rel=1e-3)
    assert gathering.pause_s(WISH, 1, now=5.0 + pause_s) <= 1e-4


def test_one_slow_answer_changes_little() -> None:
    gathering = after(1_000, 0.06)
    gathering.answered(1.0)
    gathering.begun(5.0)
    assert gathering.pause_s(WISH, 1, now=5.0) < 0.16


def test_enough_need_not_wait() -> None:
    gathering = Gathering()
    gathering.begun(5.0)
    assert gathering.pause_s(WISH, WISH.enough - 1, now=5.0) > 0
    assert gathering.pause_s(WISH, WISH.enough, now=5.0) <= 0
