"""How much of a gateway's event loop one connection may take, so that none takes it from the others. Pure."""

from __future__ import annotations

from typing import Final

_AMPLE: Final = 0.75


class LoopShare:
    """`share` of the time in the long run, and `burst_s` at once after a pause; all in seconds.

    Who is new has half of a burst: he has shown nothing yet.
    """

    def __init__(self, share: float, burst_s: float, now: float) -> None:
        self._share = share
        self._burst_s = burst_s
        self._left_s = burst_s / 2
        self._at = now

    def is_ample(self, now: float) -> bool:
        """Whether hardly anything was taken lately."""
        return self._left_s + (now - self._at) * self._share > _AMPLE * self._burst_s

    def spent(self, seconds: float, now: float) -> float:
        """So much was computed for the connection; how long it has to wait for more, mostly 0."""
        earned_s = (now - self._at) * self._share
        self._left_s = min(self._burst_s, self._left_s + earned_s) - seconds
        self._at = now
        return max(0.0, -self._left_s / self._share)
