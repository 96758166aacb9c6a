"""Whether a segment may be given to one more worker. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.errors import EngineFailed, InternalError, SessionEvicted
from common.events import Failed
from gateway.death import Cause, Death

# A segment that was with two workers when their engines failed is taken to be the cause; so is one that two
# engines had in decode when their workers died by themselves.
MAX_FAILURES: Final = 2
# One with more workers than this that vanished may be. Fewer are bad luck; and those that somebody has killed
# while they decoded something else count for nothing.
MAX_LOSSES: Final = 6
# Errors of a worker that could not go on with this session.
FAILURES: Final = frozenset({EngineFailed.code, InternalError.code})


class Verdict(Enum):
    PLACE = "place"
    # Until it is known how a worker ended.
    HOLD = "hold"
    POISON = "poison"
    # Too many workers were lost with it.
    UNLUCKY = "unlucky"


# What ends a session, and what is said of it beside that it is over.
FATAL: Final = {Verdict.POISON: Failed(EngineFailed.code, EngineFailed().text), Verdict.UNLUCKY: None}


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """These segments were in decode when a worker died."""

    segments: tuple[int, ...]
    death: Death


class Strikes:
    """What became of the workers that had a session, by segment."""

    def __init__(self) -> None:
        self._in_decode: tuple[int, ...] = ()
        self._suspicions: list[_Suspicion] = []
        # The oldest segment that is not locked yet; failures and losses are those of its time.
        self._segment = 0
        self._failures = 0
        self._evictions = 0
        # Each with whether something of this session was in decode.
        self._losses: list[tuple[Death, bool]] = []

    def decoding(self, segments: tuple[int, ...]) -> None:
        """These are with the engine of its worker now, and no others."""
        self._in_decode = segments

    def reached(self, segment: int) -> None:
        """All segments before this one are locked."""
        if segment != self._segment:
            self._segment, self._failures, self._evictions = segment, 0, 0
            self._losses.clear()
            self._suspicions = [each for each in self._suspicions if each.segments[-1] >= segment]

    def refused(self, code: str) -> None:
        """A worker has given the session up with this error, and lives on."""
        self._failures += code in FAILURES
        self._evictions += code == SessionEvicted.code

    def lost(self, death: Death) -> bool:
        """A worker is gone; whether this session may be the cause."""
        self._losses.append((death, bool(self._in_decode)))
        if self._in_decode:
            self._suspicions.append(_Suspicion(self._in_decode, death))
        return bool(self._in_decode)

    @property
    def suspects(self) -> tuple[int, ...]:
        """The segments that a worker may have died of."""
        return tuple(sorted(set(self._at_deaths(None, Cause.ITSELF, Cause.UNKNOWN))))

    @property
    def verdict(self) -> Verdict:
        if self._failures >= MAX_FAILURES or self._deaths(Cause.ITSELF) >= MAX_FAILURES:
            return Verdict.POISON
        if self._evictions + self._unexplained > MAX_LOSSES:
            return Verdict.UNLUCKY
        return Verdict.HOLD if self._deaths(Cause.ITSELF, None) >= MAX_FAILURES else Verdict.PLACE

    @property
    def _unexplained(self) -> int:
        """Losses that this session may have had a part in."""
        return sum(decoded or death.cause is not Cause.OUTSIDE for death, decoded in self._losses)

    def _deaths(self, *causes: Cause | None) -> int:
        """The most that one segment was in decode at."""
        segments = self._at_deaths(*causes)
        return max(map(segments.count, segments), default=0)

    def _at_deaths(self, *causes: Cause | None) -> list[int]:
        """What was in decode at each death of these causes, and is not locked yet. Deaths of one fault count
        once: whoever went from one worker of the card to the next met it twice."""
        met = {
            (segment, each.death.fault or each.death)
            for each in self._suspicions
            if each.death.cause in causes
            for segment in each.segments
            if segment >= self._segment
        }
        return [segment for segment, _ in met]
