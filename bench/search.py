"""Which load to try next, to find the greatest that is held. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_GROWTH: Final = 1.5


@dataclass(slots=True)
class Search:
    """Upwards by half from `first` until a load is missed, or `most` is held; then between both, until
    they are no more than `within` (a share of the lower one) apart."""

    first: int
    most: int
    within: float
    held: int = 0
    missed: int | None = None

    def next(self) -> int | None:
        """None: it has been found, or even one stream is too many."""
        if self.missed is None:
            if self.held >= self.most:
                return None
            return min(self.most, max(self.first, round(self.held * _GROWTH)))
        if self.missed - self.held <= max(1.0, self.within * self.held):
            return None
        return (self.held + self.missed) // 2

    def tell(self, load: int, *, was_held: bool) -> None:
        if was_held:
            self.held = load
        else:
            self.missed = load
