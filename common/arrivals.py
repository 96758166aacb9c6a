"""When did a sample reach this process? Latencies are measured from there."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field


@dataclass(slots=True)
class Arrivals:
    """One entry per frame still of interest: the sample after its last, and when it came (seconds)."""

    _ends: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def add(self, end: int, now: float) -> None:
        if self._ends and self._ends[-1] == end:
            return
        self._ends.append(end)
        self._times.append(now)

    def time_of(self, sample: int) -> float | None:
        """When the frame that holds `sample` came; the last known time for a sample not yet there."""
        if not self._times:
            return None
        index = bisect_left(self._ends, sample + 1)
        return self._times[min(index, len(self._times) - 1)]

    def age_of(self, sample: int, now: float) -> float:
        """How long ago that was, in seconds; 0 before any frame."""
        arrived = self.time_of(sample)
        return 0.0 if arrived is None else max(0.0, now - arrived)

    def trim(self, before: int) -> None:
        """Forget frames that end before the sample `before`."""
        keep = bisect_left(self._ends, before)
        del self._ends[:keep]
        del self._times[:keep]
