from __future__ import annotations

from common.settings import load_settings
from gateway.admission import Limits
from gateway.limits_watch import TimeLimits
from gateway.reloaded import time_limits, worker_limits


def test_limits_are_those_of_the_settings() -> None:
    settings = load_settings(
        {"max_lag_ms": 5, "max_speaking": 6, "idle_timeout": 7, "start_timeout": 8, "max_session": 9}, {}
    )
    assert worker_limits(settings) == Limits(5, 6)
    assert time_limits(settings) == TimeLimits(7, 8, 9)
