"""When does a segment begin and end: hops in, opened and closed segments out.

Everything here is a function of the hops since the last checkpoint, so that replaying the audio from there
gives the same segments. Every endpoint makes a checkpoint; so does a long silence, which would otherwise
pile up unsettled audio.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.audio import ms_to_samples
from common.checkpoint import Checkpoint
from common.events import EndpointReason
from common.silence import SilenceSchedule
from worker.pipeline.hop import (
    HOP_SAMPLES,
    SILERO_LAG,
    SPEECH_ENTERS,
    SPEECH_LEAVES,
    DetectorLag,
    Hop,
    SpeechDetector,
)

# Audio decoded ahead of the first sound, so that a soft first consonant is heard.
PRE_ROLL: Final = ms_to_samples(200)
# Audio decoded after the last sound; fixed, so that a final decoded ahead of its endpoint hears the same.
TAIL: Final = ms_to_samples(300)
# A silence this long, quiet at its end, is a checkpoint.
SILENCE_CHECKPOINT: Final = ms_to_samples(4_000)
# So is this much of anything else without speech: a noisy room must not keep its audio for ever.
NOISE_CHECKPOINT: Final = ms_to_samples(20_000)
# Where to cut is looked for in so much of the newest audio, in the later half of the cap at most. Nearly all
# speech pauses in this time; what is behind the cut is heard a second time, so more would cost for nothing.
LOOK_BACK: Final = ms_to_samples(4_000)
_QUIET_HOPS: Final = 10
_QUIET_SPEECH: Final = 0.15
# A pause of this many hops is a better place to cut than any quiet hop.
_PAUSE_HOPS: Final = 3


class SegmenterState(Enum):
    SILENCE = "silence"
    SPEECH = "speech"
    TRAILING = "trailing"


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment in progress; `audio_from` is where its decoding begins."""

    index: int
    start: int
    audio_from: int


@dataclass(frozen=True, slots=True)
class Opened:
    segment: OpenSegment


@dataclass(frozen=True, slots=True)
class Closed:
    """A segment has ended: decode [audio_from, audio_to), if that is not empty. The VAD begins afresh at the
    checkpoint."""

    segment: OpenSegment
    end: int
    audio_to: int
    endpoint: int
    reason: EndpointReason
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Rested:
    """A long silence: the VAD begins afresh at the checkpoint."""

    checkpoint: Checkpoint


SegmentAction = Opened | Closed | Rested


class Segmenter:
    """Feed `advance` each hop in order from the checkpoint's `vad_from`.

    After `Closed` or `Rested` the caller goes on with a new VAD state from that checkpoint's `vad_from`,
    which for a cut at the cap lies before the last hop.
    """

    def __init__(
        self,
        schedule: SilenceSchedule,
        cap_samples: int,
        checkpoint: Checkpoint,
        lag: DetectorLag = SILERO_LAG,
    ) -> None:
        self.schedule = schedule
        self._cap = cap_samples
        self._lag = lag
        self._take_up(checkpoint)

    def _take_up(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._detector = SpeechDetector(checkpoint.vad_from, in_speech=checkpoint.in_speech, lag=self._lag)
        self._quiet_run = 0
        self._open: OpenSegment | None = None
        self._recent: deque[Hop] = deque(maxlen=min(self._cap // 2, LOOK_BACK) // HOP_SAMPLES)
        if checkpoint.in_speech:
            self._open = OpenSegment(checkpoint.segment, checkpoint.vad_from, checkpoint.vad_from)

    @property
    def open_segment(self) -> OpenSegment | None:
        return self._open

    @property
    def next_index(self) -> int:
        """Index of the open segment, or of the one that is opened next."""
        return self._checkpoint.segment

    @property
    def state(self) -> SegmenterState:
        if self._open is None:
            return SegmenterState.SILENCE
        return SegmenterState.SPEECH if self._detector.speaking else SegmenterState.TRAILING

    @property
    def holds_speech(self) -> bool:
        """Whether any was heard of the open segment: what a cut leaves for the next one may be none."""
        assert self._open is not None
        return self._detector.last_speech > self._open.start

    @property
    def speech_end(self) -> int:
        """Where the last speech of the open segment ended, or has got to."""
        assert self._open is not None
        lag = 0 if self._detector.speaking else self._lag.end
        return max(self._detector.last_speech - lag, self._open.start + HOP_SAMPLES)

    def advance(self, hop: Hop) -> list[SegmentAction]:
        self._detector.push(hop)
        if self._open is None:
            return self._advance_silence(hop)
        self._recent.append(hop)
        return self._advance_open(hop)

    def required_silence(self, now: int) -> int:
        """Silence that would end the open segment if it were `now`, in samples."""
        assert self._open is not None
        return self.schedule.required_samples(now - self._open.start)

    def close(self, at: int, reason: EndpointReason) -> Closed | None:
        """End the open segment at `at`, one past the last sample received; None if there is none."""
        if self._open is None:
            return None
        end = at if self._detector.speaking else min(self.speech_end, at)
        return self._closed(end, at, reason)

    def _advance_silence(self, hop: Hop) -> list[SegmentAction]:
        if self._detector.speaking:
            return [Opened(self._opened())]
        self._quiet_run = self._quiet_run + 1 if hop.speech < _QUIET_SPEECH else 0
        return [Rested(self._rest(hop.end))] if self._rest_due(hop) else []

    def _rest_due(self, hop: Hop) -> bool:
        waited = hop.end - self._checkpoint.vad_from
        quiet = self._quiet_run >= _QUIET_HOPS
        return (
            waited >= SILENCE_CHECKPOINT
            if quiet
            else waited >= NOISE_CHECKPOINT and hop.speech < SPEECH_ENTERS
        )

    def _opened(self) -> OpenSegment:
        start = max(self._detector.onset, self._checkpoint.audio_from)
        audio_from = max(start - PRE_ROLL, self._checkpoint.audio_from)
        self._open = OpenSegment(self._checkpoint.segment, start, audio_from)
        return self._open

    def _rest(self, at: int) -> Checkpoint:
        self._take_up(Checkpoint(at - PRE_ROLL - self._lag.onset, at, self._checkpoint.segment))
        return self._checkpoint

    def _advance_open(self, hop: Hop) -> list[SegmentAction]:
        assert self._open is not None
        if not self._detector.speaking and hop.end - self.speech_end >= self.required_silence(hop.end):
            return [self._closed(self.speech_end, hop.end, EndpointReason.SILENCE)]
        if hop.end + HOP_SAMPLES - self._open.start > self._cap:
            return [self._cut()]
        return []

    def _cut(self) -> Closed:
        pause = _longest_pause(self._recent)
        if pause is not None:
            first, last = pause
            middle = (
                first.start + (last.end - first.start) // HOP_SAMPLES // 2 * HOP_SAMPLES - self._lag.pause
            )
            # A pause that still lasts may have begun before the hops that are remembered.
            end = min(first.start - self._lag.end, self.speech_end)
            return self._closed(end, middle, EndpointReason.MAX_LENGTH)
        quietest = min(self._recent, key=lambda hop: hop.loudness)
        return self._closed(quietest.end, quietest.end, EndpointReason.MAX_LENGTH, in_speech=True)

    def _closed(self, end: int, endpoint: int, reason: EndpointReason, *, in_speech: bool = False) -> Closed:
        segment = self._open
        assert segment is not None
        # An engine that is asked what was said in silence says something.
        end = max(end, segment.start) if self.holds_speech else segment.start
        audio_to = min(end + TAIL, endpoint) if self.holds_speech else segment.audio_from
        # The next segment's pre-roll may reach behind the endpoint, but never into this one's speech.
        audio_from = endpoint if in_speech else max(end, endpoint - PRE_ROLL - self._lag.onset)
        self._take_up(Checkpoint(audio_from, endpoint, segment.index + 1, in_speech))
        return Closed(segment, end, audio_to, endpoint, reason, self._checkpoint)


def _longest_pause(hops: deque[Hop]) -> tuple[Hop, Hop] | None:
    """First and last hop of the longest run without speech, the later of equals; None if all are short."""
    best: tuple[Hop, Hop] | None = None
    best_length = _PAUSE_HOPS
    length, first = 0, hops[0]
    for hop in hops:
        length, first = (length + 1, first if length else hop) if hop.speech < SPEECH_LEAVES else (0, hop)
        if length >= best_length:
            best, best_length = (first, hop), length
    return best
