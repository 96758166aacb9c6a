"""Figures from traces. Pure.

*Speech time* is time in which the played audio has sound, so that nothing counts while nobody speaks: no
server owes a partial for quiet. A *partial* here is a result with provisional text about more speech than any
result before it.

Due: as long as somebody speaks, a partial falls due each `interval` of speech time after the end of the audio
that the newest result covers (before the first result: after the first sound). A result answers all that fell
due in the audio that it is the first to cover.
Late: a due partial that was still missing one interval after it fell due. All that a result answers are late
if it covers audio older than one interval when it comes (its lag).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from bench.live_material import Stretch
from bench.live_trace import Locked, Partial, StreamTrace

SILENCE: Final = "silence"
MAX_LENGTH: Final = "max_length"
# Rounding of milliseconds on the wire must not make a partial late.
_SLACK: Final = 1e-6


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds, nearest rank; None without values."""

    count: int
    p50: int | None = None
    p95: int | None = None
    p99: int | None = None
    max: int | None = None


def spread(values_s: Iterable[float]) -> Spread:
    ordered = sorted(values_s)
    if not ordered:
        return Spread(0)
    return Spread(len(ordered), *(round(1000 * _rank(ordered, share)) for share in (0.5, 0.95, 0.99, 1.0)))


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class SpeechClock:
    """Turns seconds from START into seconds of sound until then."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._borders = np.array([border for s in stretches for border in (s.start_s, s.end_s)])
        lengths = [length for s in stretches for length in (0.0, s.end_s - s.start_s)]
        self._heard = np.cumsum(lengths)

    def heard(self, at_s: float) -> float:
        return float(np.interp(at_s, self._borders, self._heard)) if len(self._borders) else 0.0

    def between(self, from_s: float, to_s: float) -> float:
        return self.heard(to_s) - self.heard(from_s)


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Partials that fell due, and those of them that were late."""

    due: int = 0
    late: int = 0

    def __add__(self, other: Punctuality) -> Punctuality:
        return Punctuality(self.due + other.due, self.late + other.late)


def punctuality(trace: StreamTrace, clock: SpeechClock, interval_s: float) -> Punctuality:
    """Up to STOP, or to the end of a stream that was lost; a partial still missing then counts as well."""
    counted = Punctuality()
    covered_s = 0.0
    for result in _newer(trace, clock):
        missed = _missed(clock.between(covered_s, result.at_s), interval_s)
        answered = math.floor((clock.between(covered_s, result.covers_s) + _SLACK) / interval_s)
        due = max(answered, int(result.provisional))
        too_old = result.at_s - result.covers_s > interval_s + _SLACK
        counted += Punctuality(due, due if too_old else min(due, missed))
        covered_s = result.covers_s
    missed = _missed(clock.between(covered_s, live_until(trace)), interval_s)
    return counted + Punctuality(missed, missed)


def _missed(unseen_s: float, interval_s: float) -> int:
    """Due partials that are over an interval late once `unseen_s` of speech is covered by no result."""
    return max(0, math.ceil((unseen_s - _SLACK) / interval_s) - 2)


def gaps(trace: StreamTrace, clock: SpeechClock) -> list[float]:
    """Speech time between one partial and the next, in seconds."""
    arrived = [result.at_s for result in _newer(trace, clock) if result.provisional]
    return [clock.between(*pair) for pair in pairwise(arrived)]


def lags(trace: StreamTrace, clock: SpeechClock) -> list[float]:
    """How old the newest audio behind each partial was when it came, in seconds."""
    return [result.at_s - result.covers_s for result in _newer(trace, clock) if result.provisional]


def first_partial(trace: StreamTrace, stretches: Sequence[Stretch]) -> float | None:
    """From the first sound to the first partial."""
    came = next((result.at_s for result in trace.partials if result.provisional), None)
    return came - stretches[0].start_s if came is not None and stretches else None


def after_stop(trace: StreamTrace) -> float | None:
    """From STOP to the last final; if it never came, the time it was waited for, which is a lower bound."""
    ending = trace.ending
    came_s = ending.ended_s if ending.waiting else ending.final_s
    return None if ending.stop_s is None or came_s is None else came_s - ending.stop_s


def after_endpoint(trace: StreamTrace) -> list[float]:
    """From the endpoint to its sentence, of segments that silence ended."""
    return [
        sentence.at_s - sentence.endpoint_s
        for sentence in _locked_live(trace, SILENCE)
        if sentence.endpoint_s is not None
    ]


def after_cap(trace: StreamTrace, cap_s: float) -> list[float]:
    """From the moment a segment was as long as the cap allows to its sentence.

    The endpoint of such a segment is no help: it is looked for in what was said seconds ago.
    """
    return [sentence.at_s - sentence.start_s - cap_s for sentence in _locked_live(trace, MAX_LENGTH)]


def after_speech_end(trace: StreamTrace) -> list[float]:
    """From the end of speech to its sentence, the silence that the server waits for included."""
    return [s.at_s - s.end_s for s in _locked_live(trace) if s.reason in (SILENCE, None)]


def unheard(trace: StreamTrace, clock: SpeechClock) -> float | None:
    """The longest speech time in no sentence, of a stream that got all its finals. Tenths of a second are the
    borders that a detector draws; audio that was lost is more."""
    if trace.ending.error is not None:
        return None
    longest_s = covered_s = 0.0
    for sentence in trace.locked:
        longest_s = max(longest_s, clock.between(covered_s, sentence.start_s))
        covered_s = max(covered_s, sentence.end_s)
    return max(longest_s, clock.between(covered_s, live_until(trace)))


def repeated(trace: StreamTrace) -> int:
    """Sentences that begin before the one before them ends: what was said once and locked twice."""
    return sum(after.start_s < before.end_s for before, after in pairwise(trace.locked))


def live_until(trace: StreamTrace) -> float:
    """STOP, or the end of a stream that never got so far."""
    return trace.ending.ended_s if trace.ending.stop_s is None else trace.ending.stop_s


def _newer(trace: StreamTrace, clock: SpeechClock) -> Iterator[Partial]:
    """Results up to STOP that tell about more speech than all before them."""
    until_s, covered = live_until(trace), 0.0
    for result in trace.partials:
        heard = clock.heard(result.covers_s)
        if result.at_s <= until_s and heard > covered:
            covered = heard
            yield result


def _locked_live(trace: StreamTrace, *reasons: str) -> Iterator[Locked]:
    """Sentences that came before STOP: that one's are measured by `after_stop`."""
    until_s = live_until(trace)
    for sentence in trace.locked:
        if sentence.at_s <= until_s and (not reasons or sentence.reason in reasons):
            yield sentence
