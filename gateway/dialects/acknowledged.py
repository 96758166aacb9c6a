"""From where on a client has to keep its audio, and whether it knows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.audio import seconds_to_samples

# So much audio may have been settled before a client is told of it by a message of its own.
_OVERDUE: Final = seconds_to_samples(5)


@dataclass(slots=True)
class Acknowledged:
    """Positions in samples from START; they never go back."""

    _position: int = 0
    _told: int = 0

    @property
    def is_overdue(self) -> bool:
        return self._position - self._told >= _OVERDUE

    def reached(self, position: int) -> None:
        self._position = max(self._position, position)

    def told(self) -> int:
        """The position, which the client is told with it."""
        self._told = self._position
        return self._position
