"""Runs of live streams that nobody ran: for tests of what is concluded from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.goals import Trial
from bench.live_material import Loop, MaterialKind
from bench.live_record import Judgement, LiveRun, Setup, measured
from bench.live_trace import Lateness

LOOP = Loop(np.zeros(0, np.int16), np.zeros(16_000, np.int16), ((0, 16_000),))
CALM = Lateness(100, send_p99_ms=1.0, send_max_ms=2.0, wake_p99_ms=3.0, wake_max_ms=4.0, held_s=0.0)
SETUP = Setup("voxshard", MaterialKind.CONTINUOUS, 30.0, 8.0, 480, 30_000, 8, "a test", (), {})


def run_of(streams: int, **changes: Any) -> LiveRun:
    nothing = measured([], Judgement(LOOP, 10.0, 480, 30_000), ())
    return replace(nothing, streams=streams, lateness=(CALM,), **changes)


def holds(most: int) -> Callable[[int], Trial]:
    """A server that holds so many streams."""
    return lambda load: Trial(run_of(load), () if load <= most else ("late",))
