"""Failures in a row: those of one session may be its own, those of several are the model's. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

# This many in a row, of more than one session, are no accident of somebody's audio.
MAX_FAILURES_IN_A_ROW: Final = 3


class FailuresInARow:
    def __init__(self) -> None:
        self._by_session: Counter[str] = Counter()

    def succeeded(self) -> None:
        self._by_session.clear()

    def failed(self, session: str) -> int:
        """How many there are in a row now."""
        self._by_session[session] += 1
        return self._by_session.total()

    @property
    def are_the_models(self) -> bool:
        """Nothing that it is given is any use."""
        return self._by_session.total() >= MAX_FAILURES_IN_A_ROW and len(self._by_session) > 1
