"""Audio by the minute, as a bucket that fills evenly. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60.0


@dataclass(slots=True)
class TokenBucket:
    """Fills evenly, by `per_minute` a minute, and holds a minute's worth; full to begin with."""

    per_minute: float
    level: float
    filled_at: float

    def fill(self, now: float) -> None:
        grown = (now - self.filled_at) * self.per_minute / MINUTE_S
        self.level = min(self.per_minute, self.level + grown)
        self.filled_at = now

    def resize(self, per_minute: float) -> None:
        """Another quota from now on; what is there stays, as far as there is room."""
        self.per_minute = per_minute
        self.level = min(per_minute, self.level)

    def take(self, amount: float) -> bool:
        """Whether there was enough; if not, nothing is taken."""
        if amount > self.level:
            return False
        self.level -= amount
        return True

    def seconds_until(self, amount: float) -> float:
        """Until so much is there, or until it is full."""
        lacking = min(amount, self.per_minute) - self.level
        return max(0.0, lacking) * MINUTE_S / self.per_minute
