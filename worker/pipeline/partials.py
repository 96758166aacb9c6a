"""When is the open segment worth another decode: for the reader now, or ahead of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from common.audio import ms_to_samples

# A final decoded ahead is wasted if speech goes on, so it waits for a share of the silence, and for the audio
# that a final takes in after the last sound. In continuous speech nearly all pauses are over by then (after
# half of the silence 2.6 times as many decodes are for nothing, each of a whole segment), and what is left,
# 0.3 s or more, is about as long as the decode takes.
_SPECULATE_AFTER_SHARE = 0.6


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
    lead: int | None = None
    """How long before it is due one is asked for, if an engine lets all of them wait for others. None: for as
    long as the one before had to wait, at most half of the interval."""


class PartialPolicy:
    """One open segment: says when a partial is due and remembers what the last one heard."""

    def __init__(self, settings: PartialSettings, segment_start: int, due_at: int | None = None) -> None:
        """`due_at`: when one was due of the segment that was cut off before this one, and is now of this one;
        whoever reads along notices no cut."""
        self._settings = settings
        self._heard = segment_start
        self.due_at = segment_start + settings.interval
        if due_at is not None:
            self.due_at = min(self.due_at, max(due_at, segment_start + settings.retry))
        self._has_text = False
        self._waits = False
        self._window_from: int | None = None

    def due(self, heard: int, speech_end: int) -> bool:
        """`heard` samples were seen, speech got to `speech_end`; without speech nothing is new."""
        return heard >= self.due_at and speech_end > self._heard

    def window_start(self, audio_from: int, heard: int) -> int:
        """First sample of the window that ends at `heard`."""
        if not self._settings.stays:
            return max(audio_from, heard - self._settings.window)
        if self._window_from is None:
            self._window_from = audio_from
        if heard - self._window_from > self._settings.window:
            self._window_from = heard - self._settings.window // 2
        return self._window_from

    def requested(self, heard: int) -> None:
        self._heard = heard
        self._waits = True
        self.due_at = heard + (self._settings.interval if self._has_text else self._settings.retry)

    def begun(self, start: int, heard: int) -> int:
        """A partial asked for from `start` on is decoded only now, up to `heard`: its first sample."""
        self._heard = heard
        self._waits = False
        if self._has_text and self._settings.lead is not None:
            self.due_at = heard + self._settings.interval - self._settings.lead
        else:
            self.due_at = max(self.due_at, heard + self._settings.interval // 2)
        return start if self._settings.stays else max(start, heard - self._settings.window)

    def not_begun(self) -> None:
        """What was asked for, and whose turn has not come, is asked for no more: another is due at once."""
        if self._waits:
            self.due_at = self._heard
            self._waits = False

    def answered(self, text: str) -> None:
        if text and not self._has_text:
            self._has_text = True
            self.due_at = max(self.due_at, self._heard + self._settings.interval - (self._settings.lead or 0))


def speculation_due(silence: int, required: int, tail: int) -> bool:
    """Silence so far, silence that ends the segment, audio a final takes in after speech; in samples."""
    return silence >= max(tail, required * _SPECULATE_AFTER_SHARE)
