"""What the voice activity detector says of one hop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from common.audio import ms_to_samples

HOP_SAMPLES: Final = 512
"""32 ms: the only length that Silero takes at 16 kHz."""


class Hop(NamedTuple):
    start: int
    end: int
    speech: float
    """Probability of speech, 0 to 1."""
    loudness: float
    """Root mean square of the samples, 0 to 1."""


# Silero's own pair of thresholds: enter at 0.5, leave 0.15 below.
SPEECH_ENTERS: Final = 0.5
SPEECH_LEAVES: Final = 0.35
# One hop alone is a click; two are speech.
ONSET_HOPS: Final = 2
# How much later than the sound itself Silero sees it begin and end: the middles of what 60 hibari sentences
# gave against their energy borders, at four noise levels (5 to 95 %: onset -2 to 77 ms, end 29 to 112 ms).
ONSET_LAG: Final = ms_to_samples(40)
END_LAG: Final = ms_to_samples(64)


@dataclass(frozen=True, slots=True)
class DetectorLag:
    """How much later than the sound itself a detector sees it begin and end, in samples.

    pause: how much later than a pause between sounds it sees the pause's middle; whole hops.
    """

    onset: int
    end: int
    pause: int = 0


SILERO_LAG: Final = DetectorLag(ONSET_LAG, END_LAG)


class SpeechDetector:
    """Hysteresis over hops: from when to when is there speech, corrected for the detector's lag."""

    def __init__(self, vad_from: int, *, in_speech: bool = False, lag: DetectorLag = SILERO_LAG) -> None:
        self._lag = lag
        self._speaking = in_speech
        self._rising = 0
        self.onset = vad_from
        """First sample of the current or last speech."""
        self.last_speech = vad_from
        """One past the last sample of speech heard so far."""

    @property
    def speaking(self) -> bool:
        return self._speaking

    def push(self, hop: Hop) -> None:
        if self._speaking:
            self._speaking = hop.speech >= SPEECH_LEAVES
        else:
            self._count_rising(hop)
        if self._speaking:
            self.last_speech = hop.end

    def _count_rising(self, hop: Hop) -> None:
        self._rising = self._rising + 1 if hop.speech >= SPEECH_ENTERS else 0
        if self._rising == ONSET_HOPS:
            self._speaking, self._rising = True, 0
            self.onset = hop.end - ONSET_HOPS * HOP_SAMPLES - self._lag.onset
