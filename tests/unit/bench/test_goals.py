from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.goals import Goals, Trial, held, tried
from bench.live_material import Loop
from bench.live_measures import Spread
from bench.live_record import Judgement, measured
from bench.live_trace import Lateness

CALM = Lateness(100, send_p99_ms=1.0, send_max_ms=2.0, wake_p99_ms=3.0, wake_max_ms=4.0, held_s=0.0)
LOOP = Loop(np.zeros(0, np.int16), np.zeros(16_000, np.int16), ((0, 16_000),))
NOTHING = measured([], Judgement(LOOP, 10.0, 480, 30_000), ())
GOOD = replace(
    NOTHING, streams=40, after_stop=Spread(40, 100, 300, 300, 300), lateness=(CALM,), late_share=0.001
)


def test_run_within_the_goals_is_held() -> None:
    assert tried(GOOD, Goals(stop_p95_ms=300, late_percent=0.1)).missed == ()


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
    def trial(streams: int, *missed: str) -> Trial:
        return Trial(replace(GOOD, streams=streams), missed)

    assert held((trial(100), trial(150), trial(200, "late"))) == 150
    assert held((trial(100, "late"),)) == 0
    assert held(()) == 0
