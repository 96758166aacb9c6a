"""After which losses a session is resumed, and how long to wait before the next try. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import random
from typing import Final

from client.failures import StreamError, given_up
from common.backoff import Backoff
from common.clock import Clock, MonotonicClock

RESUMED_ERRORS: Final = frozenset(
    {"registry_away", "restarting", "server_vanished", "session_evicted", "worker_lost"}
)
# RESUME itself may be refused for other reasons that pass; for these it would be refused again.
FINAL_ERRORS: Final = frozenset({"engine_failed", "internal"})
_TRY_LATER_CLOSE: Final = 1013

# Full jitter: all clients of a gateway lose it at once, and must not come back at once.
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
# At least, after 1013 that does not say more.
LATER_S: Final = 1.0
# One that is lost again within this time goes on counting: nobody resumes in a circle.
_SETTLED_S: Final = 2.0


def is_resumed(loss: StreamError) -> bool:
    # Without an error that says why, its close code decides.
    return loss.retryable if loss.code == "connection_closed" else loss.code in RESUMED_ERRORS


@dataclass(slots=True)
class Retry:
    """One session's losses. `within_s`: for so long from its loss on it can be resumed."""

    clock: Clock = field(default_factory=MonotonicClock)
    random: Callable[[], float] = random
    _backoff: Backoff = field(init=False)
    _first: StreamError = field(init=False)
    _lost_at: float = field(init=False)
    _resumed_at: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter=1.0, random=self.random)

    def lost(self, loss: StreamError, within_s: float) -> float:
        """Seconds until the first try. Raises `StreamError` if there is none."""
        if not is_resumed(loss):
            raise loss
        now = self.clock.now()
        if now - self._resumed_at > _SETTLED_S:
            self._first, self._lost_at = loss, now
            self._backoff.reset()
        return self._pause_s(loss, within_s)

    def refused(self, refusal: StreamError, within_s: float) -> float:
        """A try has failed: seconds until the next one. Raises `StreamError` if there is none."""
        if not refusal.retryable or refusal.code in FINAL_ERRORS:
            raise refusal
        return self._pause_s(refusal, within_s)

    def resumed(self) -> None:
        self._resumed_at = self.clock.now()

    def _pause_s(self, cause: StreamError, within_s: float) -> float:
        pause_s = _least_s(cause) + self._backoff.next_delay_s()
        tried_s = self.clock.now() - self._lost_at
        if tried_s + pause_s > within_s:
            raise given_up(self._first, tried_s) from cause
        return pause_s


def _least_s(cause: StreamError) -> float:
    if cause.retry_after_s is not None:
        return cause.retry_after_s
    return LATER_S if cause.close_code == _TRY_LATER_CLOSE else 0.0
