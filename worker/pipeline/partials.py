"""When is the open segment worth another decode: for the reader now, or ahead of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from common.audio import ms_to_samples

# A final decoded ahead is wasted if speech goes on, so it waits for a share of the silence, and for the audio
# that a final takes in after the last sound. A third leaves a long segment, which is slow to decode and has
# little silence to wait for, nearly all of that silence.
_SPECULATE_AFTER_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class PartialSettings:
    """All in samples: new audio between two partials, the newest audio they hear."""

    interval: int
    window: int
    stays: bool = False
    """The window's start stays for as long as the window is not full, for engines that go on from the text
    they have; otherwise it moves along with its end."""
    retry: int = ms_to_samples(160)
    """Sooner while a segment has no text yet: the first words are waited for."""


class PartialPolicy:
    """One open segment: says when a partial is due and remembers what the last one heard."""

    def __init__(self, settings: PartialSettings, segment_start: int) -> None:
        self._settings = settings
        self._heard = segment_start
        self._due_at = segment_start + settings.interval
        self._has_text = False
        self._window_from: int | None = None

    def due(self, heard: int, speech_end: int) -> bool:
        """`heard` samples were seen, speech got to `speech_end`; without speech nothing is new."""
        return heard >= self._due_at and speech_end > self._heard

    def window_start(self, audio_from: int, heard: int) -> int:
        """First sample of the window that ends at `heard`."""
        if not self._settings.stays:
            return max(audio_from, heard - self._settings.window)
        if self._window_from is None:
            self._window_from = audio_from
        if heard - self._window_from > self._settings.window:
            self._window_from = heard - self._settings.window // 2
            # Once in a while the whole segment: what the engine agrees on with itself there, the segment's
            # final can go on from.
            return audio_from
        return self._window_from

    def requested(self, heard: int) -> None:
        self._heard = heard
        self._due_at = heard + (self._settings.interval if self._has_text else self._settings.retry)

    def answered(self, text: str) -> None:
        if text and not self._has_text:
            self._has_text = True
            self._due_at = max(self._due_at, self._heard + self._settings.interval)


def speculation_due(silence: int, required: int, tail: int) -> bool:
    """Silence so far, silence that ends the segment, audio a final takes in after speech; in samples."""
    return silence >= max(tail, required * _SPECULATE_AFTER_SHARE)
