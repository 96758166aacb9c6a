"""Whether a segment may be given to one more worker. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A segment that was with two workers when their engines failed is taken to be the cause.
MAX_FAILURES: Final = 2
# One with more workers than this that vanished without a word may be. Fewer are bad luck.
MAX_LOSSES: Final = 6


@dataclass(slots=True)
class Strikes:
    """What became of the workers that had a segment."""

    segment: int = 0
    failures: int = 0
    losses: int = 0

    def one_more(self, segment: int, *, failed: bool) -> bool:
        """Whether it is to be placed once more."""
        if segment != self.segment:
            self.segment, self.failures, self.losses = segment, 0, 0
        self.failures += failed
        self.losses += not failed
        return self.failures < MAX_FAILURES and self.losses <= MAX_LOSSES
