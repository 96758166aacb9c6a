"""Give memory back to the system when there is nothing to do."""

from __future__ import annotations

import ctypes


def trim_heap() -> None:
    """Hand freed pages back; glibc otherwise keeps what a decode of 20 s of audio once needed (100 MB).

    Does nothing where the C library has no `malloc_trim`.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class IdleTrimmer:
    """Due once after the start, which leaves much behind, and each time the last session has gone."""

    def __init__(self) -> None:
        self._busy = True

    def observe(self, sessions: int) -> bool:
        """Whether this is the moment; called at every heartbeat."""
        due = self._busy and sessions == 0
        self._busy = sessions > 0
        return due
