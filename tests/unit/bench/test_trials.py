from __future__ import annotations

import pytest

from bench.search import Search
from bench.trials import REST_S, trials
from tests.support.live_trials import holds


def search() -> Search:
    return Search(first=10, most=40, step=0.5, within=0.05)


@pytest.fixture(autouse=True)
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was rested, each time; none of it is waited for."""
    rested: list[float] = []
    monkeypatch.setattr("bench.trials.time.sleep", rested.append)
    return rested


def test_search_is_told_what_was_held_and_what_was_missed() -> None:
    found = tuple(trials(search(), holds(17)))
    assert [(trial.run.streams, bool(trial.missed)) for trial in found] == [
        (10, False),
        (15, False),
        (22, True),
        (18, True),
        (16, False),
        (17, False),
    ]


def test_server_that_missed_has_time_for_what_is_left(rests: list[float]) -> None:
    list(trials(search(), holds(17)))
    assert rests == [REST_S, REST_S]


def test_nothing_is_begun_that_has_no_time_left() -> None:
    in_time = iter([True, True, False])
    found = trials(search(), holds(17), in_time=lambda: next(in_time))
    assert [trial.run.streams for trial in found] == [10, 15]
