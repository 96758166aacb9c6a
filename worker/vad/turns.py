"""Who catches up first: one after the other, so that half of them are there in half of the time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from common.audio import seconds_to_samples
from worker.pipeline.hop import HOP_SAMPLES

# As much as the longest segment: what a session that has moved hears again. A file that is sent as fast as
# it is heard gives way to the others after that.
TURN_HOPS: Final = seconds_to_samples(30) // HOP_SAMPLES

Source = TypeVar("Source")


class Turns(Generic[Source]):
    """Pure."""

    def __init__(self) -> None:
        # In order; the hops that each has had in its turn.
        self._had: dict[Source, int] = {}

    def in_order(self, sources: Iterable[Source]) -> list[Source]:
        """These, whoever came first in front; newcomers are behind all others from now on."""
        asked = dict.fromkeys(sources)
        for source in asked:
            self._had.setdefault(source, 0)
        return [source for source in self._had if source in asked]

    def took(self, source: Source, hops: int) -> None:
        """One of those in line was served; behind the others once its turn is over."""
        self._had[source] += hops
        if self._had[source] >= TURN_HOPS:
            del self._had[source]
            self._had[source] = 0

    def leave(self, source: Source) -> None:
        self._had.pop(source, None)
