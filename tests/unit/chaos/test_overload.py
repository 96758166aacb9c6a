from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.history import History
from tests.chaos.overload import Load, untyped
from tests.unit.chaos.history_rig import event, good, history_of


def refusal(**fields: object) -> History:
    """It is answered at 0.01 s."""
    message = event("error", **{"code": "overloaded", "retry_after_s": 2.5, **fields})
    return replace(history_of([message], close_code=1013), asked_at=-0.49)


def test_sessions_that_were_let_in_are_told_from_those_that_were_not() -> None:
    load = Load("2 times", (good(), refusal(), refusal()))
    assert (len(load.admitted), len(load.refused)) == (1, 2)
    assert load.answers == pytest.approx([0.5, 0.5])
    assert load.violations == [] and load.final_latencies
    figures = dict(load.figures())
    assert figures["2 times: refused"] == "2"
    assert figures["2 times: START to refusal"].startswith("p50 500 ms")


@pytest.mark.parametrize("fields", [{"code": "no_worker"}, {"retry_after_s": None}])
def test_a_refusal_without_its_code_or_its_time_is_found(fields: dict[str, object]) -> None:
    bad = refusal(**fields)
    assert untyped([refusal(), bad]) == [bad]


def test_one_that_is_closed_without_a_word_is_found() -> None:
    silent = replace(refusal(), received=())
    assert untyped([silent]) == [silent]


def test_a_load_whose_clients_were_late_was_held_up() -> None:
    late = good()
    late.sent_at[3] += 0.2
    assert Load("late", (good(), late)).held_up
    assert not Load("in time", (good(), refusal())).held_up
