"""What one session says: turns of speech and pauses, each turn marked as its own; known before the run.

The scripted engine's text is a checksum of the audio it heard. Two samples in every 100 ms of speech name the
session and the turn: no two windows anywhere in a run have the same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from common.audio import SAMPLES_PER_MS, float_to_pcm16, ms_to_samples
from tests.support.trouble import TURNS_MS
from tests.support.wire import speech

FRAME_MS: Final = 100
FRAME_BYTES: Final = FRAME_MS * SAMPLES_PER_MS * 2
_ROUND_MS: Final = sum(speech_ms + pause_ms for speech_ms, pause_ms in TURNS_MS)
# As much as a segment begins before its speech.
_LEAD_MS: Final = 300
# Of these turns each is cut in two by a COMMIT.
_COMMITTED: Final = frozenset({2, 4})
_MARK_EVERY: Final = ms_to_samples(100)


@dataclass(frozen=True, slots=True)
class Turn:
    """Speech without a pause; `commit_ms`, if not 0: where the client sends COMMIT in its middle."""

    start_ms: int
    end_ms: int
    commit_ms: int = 0

    @property
    def sentences(self) -> int:
        """How many it comes back as."""
        return 2 if self.commit_ms else 1


@dataclass(frozen=True, slots=True)
class Script:
    """`number`: of the session in its run, from 0 on. Whole turns, at least `length_ms` of them."""

    number: int
    length_ms: int

    @property
    def turns(self) -> tuple[Turn, ...]:
        return _turns(self.length_ms)

    @property
    def end_ms(self) -> int:
        """Where the audio ends, its last pause included; whole frames."""
        return -(-(self.turns[-1].end_ms + _pause_ms(len(self.turns) - 1)) // FRAME_MS) * FRAME_MS

    def pcm(self, start_ms: int, end_ms: int) -> bytes:
        """The audio between the two, made as it is asked for: a run's audio is more than fits into memory."""
        samples = np.zeros(ms_to_samples(end_ms - start_ms), dtype="<i2")
        for number in range(_first_turn(start_ms), len(self.turns)):
            turn = self.turns[number]
            if turn.start_ms >= end_ms:
                break
            first, last = max(turn.start_ms, start_ms), min(turn.end_ms, end_ms)
            if first < last:
                said = _said(self.number, number)
                samples[ms_to_samples(first - start_ms) : ms_to_samples(last - start_ms)] = said[
                    ms_to_samples(first - turn.start_ms) : ms_to_samples(last - turn.start_ms)
                ]
        return samples.tobytes()

    def frames(self) -> Iterator[tuple[bytes, bool]]:
        """Each frame, and whether a COMMIT follows it."""
        commits = {turn.commit_ms for turn in self.turns if turn.commit_ms}
        for start_ms in range(0, self.end_ms, FRAME_MS):
            end_ms = start_ms + FRAME_MS
            yield self.pcm(start_ms, end_ms), end_ms in commits


@cache
def _turns(length_ms: int) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    start_ms = _LEAD_MS
    while start_ms < length_ms:
        end_ms = start_ms + _speech_ms(len(turns))
        turns.append(Turn(start_ms, end_ms, _commit_ms(len(turns), start_ms, end_ms)))
        start_ms = end_ms + _pause_ms(len(turns) - 1)
    return tuple(turns)


def _commit_ms(number: int, start_ms: int, end_ms: int) -> int:
    return (start_ms + end_ms) // 2 // FRAME_MS * FRAME_MS if number % len(TURNS_MS) in _COMMITTED else 0


def _speech_ms(turn: int) -> int:
    return TURNS_MS[turn % len(TURNS_MS)][0]


def _pause_ms(turn: int) -> int:
    return TURNS_MS[turn % len(TURNS_MS)][1]


def _first_turn(at_ms: int) -> int:
    """No turn before this one reaches `at_ms`."""
    return max(0, (at_ms - _LEAD_MS) // _ROUND_MS) * len(TURNS_MS)


@lru_cache(maxsize=1_024)
def _said(session: int, turn: int) -> npt.NDArray[np.int16]:
    samples = _unmarked(_speech_ms(turn)).copy()
    samples[::_MARK_EVERY] = session + 1
    samples[1::_MARK_EVERY] = turn + 1
    return samples


@cache
def _unmarked(speech_ms: int) -> npt.NDArray[np.int16]:
    return np.frombuffer(float_to_pcm16(speech(speech_ms)), dtype="<i2")
