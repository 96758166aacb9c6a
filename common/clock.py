"""Time is handed in, so that tests can move it by hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...


class MonotonicClock:
    def now(self) -> float:
        return time.monotonic()


class UnixClock:
    """Seconds since 1970, for what others have dated; it may be set back, so it measures nothing."""

    def now(self) -> float:
        return time.time()
