from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bench.goals import Goals, clients_were_late, held, least_missed, tried
from bench.live_measures import Spread
from tests.support.live_trials import CALM, holds, run_of

GOOD = run_of(40, after_stop=Spread(40, 100, 300, 300, 300), late_share=0.001)


def test_run_within_the_goals_is_held() -> None:
    assert tried(GOOD, Goals(stop_p95_ms=300, late_percent=0.1)).missed == ()


def test_how_late_clients_may_be_is_a_goal_as_well() -> None:
    late = replace(GOOD, lateness=(CALM, replace(CALM, send_p99_ms=80.0)))
    assert tried(late, Goals(client_late_ms=80)).missed == ()


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"after_stop": Spread(40, 100, 301, 301, 301)}, "STOP p95 301 ms"),
        ({"after_stop": Spread(0)}, "STOP p95 None ms"),
        ({"late_share": 0.0013}, "0.13 % late"),
        ({"lost": 2}, "2 lost"),
        ({"silent": 1}, "1 silent"),
        ({"changed": 1}, "1 changed"),
        ({"skipped": 3}, "3 skipped"),
        ({"repeated": 1}, "1 repeated"),
        ({"lateness": (CALM, replace(CALM, send_p99_ms=80.0))}, "the clients themselves were 80 ms late"),
    ],
)
def test_what_is_missed_is_named(changes: dict[str, Any], missed: str) -> None:
    assert tried(replace(GOOD, **changes), Goals()).missed == (missed,)


def test_the_most_streams_that_were_held_count() -> None:
    assert held(tuple(map(holds(150), (100, 150, 200)))) == 150
    assert held((holds(50)(100),)) == 0
    assert held(()) == 0


def test_the_fewest_streams_that_were_missed_count() -> None:
    missed = least_missed(tuple(map(holds(150), (100, 225, 169))))
    assert missed is not None
    assert missed.run.streams == 169
    assert least_missed((holds(150)(100),)) is None
    assert least_missed(()) is None


def test_slowest_client_says_whether_they_were_late() -> None:
    goals = Goals(client_late_ms=50)
    assert not clients_were_late(replace(GOOD, lateness=(CALM, replace(CALM, send_p99_ms=50.0))), goals)
    assert clients_were_late(replace(GOOD, lateness=(replace(CALM, send_p99_ms=51.0), CALM)), goals)
