"""Compute time of an engine that works on many requests at once: while there is any, it is busy once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BusyTime:
    """`clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._working = 0
        self._since = 0.0
        self._untold = 0.0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One request, from its coming to its answer."""
        if self._working == 0:
            self._since = self._clock()
        self._working += 1
        try:
            yield
        finally:
            self._note()
            self._working -= 1

    def taken(self) -> float:
        """Busy seconds that were not told before; all calls together tell the whole time once."""
        if self._working:
            self._note()
        told, self._untold = self._untold, 0.0
        return told

    def _note(self) -> None:
        now = self._clock()
        self._untold += now - self._since
        self._since = now
