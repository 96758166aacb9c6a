"""How much of a gateway's event loop one connection may take, so that none takes it from the others. Pure."""

from __future__ import annotations


class LoopShare:
    """`share` of the time in the long run, and `burst_s` at once after a pause; all in seconds."""

    def __init__(self, share: float, burst_s: float, now: float) -> None:
        self._share = share
        self._burst_s = burst_s
        self._left_s = burst_s
        self._at = now

    def spent(self, seconds: float, now: float) -> float:
        """So much was computed for the connection; how long it has to wait for more, mostly 0."""
        earned_s = (now - self._at) * self._share
        self._left_s = min(self._burst_s, self._left_s + earned_s) - seconds
        self._at = now
        return max(0.0, -self._left_s / self._share)
