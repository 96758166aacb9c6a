"""How long requests that nobody waits for yet come together, so that they share a batch."""

from __future__ import annotations

import math
from typing import Final

from worker.engines.base import Gather

# The busier an engine is, the more it gains by large batches: the wait is twice the time an answer takes, so
# load makes batches larger and larger batches make the load smaller.
_TIMES_AN_ANSWER: Final = 2.0
# Of the newest answer in the mean: answers of a batch come together, and one batch shall not decide.
_NEWEST_SHARE: Final = 1 / 64


class Gathering:
    """Pure; the caller knows the time."""

    def __init__(self) -> None:
        self._begun_at = -math.inf
        self._answer_s = 0.0

    def begun(self, now: float) -> None:
        """Those that came together were given to the engine."""
        self._begun_at = now

    def answered(self, seconds: float) -> None:
        """What the engine took for one that was gathered."""
        self._answer_s += (seconds - self._answer_s) * _NEWEST_SHARE

    def pause_s(self, wish: Gather | None, waiting: int, now: float) -> float:
        """How long those that are waiting shall still wait for others; 0 or less: no longer."""
        if wish is None or waiting >= wish.enough:
            return 0.0
        length = min(wish.most_s, max(wish.least_s, _TIMES_AN_ANSWER * self._answer_s))
        return self._begun_at + length - now
