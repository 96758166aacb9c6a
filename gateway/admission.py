"""Whether a worker has room for a session: by its own reports, and by what it was given since. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.capacity import expected_speakers, has_room
from common.link import Load

# A worker that was late takes sessions again once it is late by no more than this share of the limit:
# otherwise each report near the limit would let a few more in, and keep it there.
_RECOVERED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_lag_ms`: 0 is no limit. `max_speaking`: of one worker, None is no limit."""

    max_lag_ms: int = 0
    max_speaking: int | None = None


class WorkerRoom:
    """Of one worker, for one gateway. Sessions are numbers; one counts from the moment it is given."""

    def __init__(self, limits: Limits) -> None:
        # New ones count for the next session, and for being late from the next report on.
        self.limits = limits
        # By its newest report, but for what is over since.
        self._sessions = 0
        self._engaged = 0
        self._lag_ms = 0
        # What the newest report does not count yet: a report is old news, and a burst comes between two.
        self._given: set[int] = set()
        # Those of them that the worker has answered; all its later reports count them.
        self._answered: set[int] = set()
        self.late = False

    @property
    def speakers(self) -> int:
        """Sessions that are expected to speak at once."""
        return expected_speakers(self._sessions, self._engaged) + len(self._given)

    @property
    def sessions(self) -> int:
        """As the worker has told, and what has begun and ended here since."""
        return self._sessions + len(self._given)

    @property
    def is_free(self) -> bool:
        """Whether it may have one more."""
        return not self.late and has_room(self.speakers, self.limits.max_speaking)

    @property
    def burden(self) -> tuple[int, int]:
        """To be compared: the worker with the least is the least bad one when none is free."""
        return (self._lag_ms if self.late else 0), self.speakers

    def reported(self, load: Load) -> None:
        self._sessions, self._engaged = load.sessions, load.engaged
        self._lag_ms = load.lag_ms
        self.late = self._is_late(load.lag_ms)
        self._given -= self._answered
        self._answered.clear()

    def given(self, number: int) -> None:
        """A session is on its way to the worker."""
        self._given.add(number)

    def answered(self, number: int) -> None:
        """The worker has it."""
        self._answered.add(number)

    def gone(self, number: int) -> None:
        """The worker has it no more, or will hear so before it hears of another one."""
        if number in self._given:
            self._given.remove(number)
            self._answered.discard(number)
        else:
            self._sessions -= 1
            self._engaged = min(self._engaged, self._sessions)

    def _is_late(self, lag_ms: int) -> bool:
        most = self.limits.max_lag_ms
        return most > 0 and lag_ms > (most * _RECOVERED if self.late else most)
