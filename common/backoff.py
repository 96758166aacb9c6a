"""Jittered exponential delays for anything that tries again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import random


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_s` up to `limit_s`, each shortened by up to `jitter` of itself.

    Jitter only shortens, so `limit_s` is a bound that callers may rely on.
    """

    first_s: float = 0.1
    limit_s: float = 5.0
    jitter: float = 0.3
    random: Callable[[], float] = random
    _attempts: int = field(default=0, init=False)

    def next_delay_s(self) -> float:
        delay = min(self.limit_s, self.first_s * 2**self._attempts)
        if delay < self.limit_s:
            self._attempts += 1
        return float(delay * (1 - self.jitter * self.random()))

    def reset(self) -> None:
        self._attempts = 0
