"""What a session has said so far: finals once and in order, partials only where they belong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from common.events import Final, Partial, Word
from worker.pipeline.segmenter import Closed, OpenSegment
from worker.pipeline.stitch import stitched


@dataclass(slots=True)
class _AwaitedFinal:
    closed: Closed
    text: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(slots=True)
class _Revised:
    """The text shown of the open segment so far."""

    segment: int
    revision: int = 0
    text: str = ""
    heard: int = 0


@dataclass(slots=True)
class Transcript:
    """Closed segments wait here for their text; they leave in the order in which they were closed."""

    _awaited: deque[_AwaitedFinal] = field(default_factory=deque)
    _revised: _Revised = field(default_factory=lambda: _Revised(-1))

    @property
    def awaited(self) -> int:
        """Closed segments whose text is not there yet."""
        return len(self._awaited)

    def close(self, closed: Closed) -> None:
        self._awaited.append(_AwaitedFinal(closed))

    def awaits(self, segment_index: int, audio_to: int) -> bool:
        """Whether a decode of this segment up to `audio_to` would be its final."""
        return any(
            awaited.closed.segment.index == segment_index and awaited.closed.audio_to == audio_to
            for awaited in self._awaited
        )

    def shown_and_awaited(self, segment_index: int) -> OpenSegment | None:
        """The closed segment of this index, if its text is awaited and no later segment is shown yet."""
        if self._revised.segment != segment_index:
            return None
        segments = (awaited.closed.segment for awaited in self._awaited)
        return next((segment for segment in segments if segment.index == segment_index), None)

    def heard_of(self, segment: OpenSegment) -> int:
        """How far the text shown of this segment has heard; a decode of less came late."""
        return self._revised.heard if self._revised.segment == segment.index else 0

    def partial(self, segment: OpenSegment, text: str, window_start: int, heard: int) -> Partial:
        """The next revision of the open segment's text, which was heard from `window_start` on."""
        if segment.index != self._revised.segment:
            self._revised = _Revised(segment.index)
        revised, start = self._revised, segment.start
        if window_start > segment.audio_from:
            whole = stitched(revised.text, text)
            text, start = (text, max(start, window_start)) if whole is None else (whole, start)
        revised.revision += 1
        revised.text = text
        revised.heard = heard
        return Partial(segment.index, revised.revision, text, start, heard)

    def final(
        self, segment_index: int, text: str, words: tuple[Word, ...] = ()
    ) -> list[tuple[Closed, Final]]:
        """Text of a closed segment has come; the finals that may go out now."""
        for awaited in self._awaited:
            if awaited.closed.segment.index == segment_index:
                awaited.text, awaited.words = text, words
        ready: list[tuple[Closed, Final]] = []
        while self._awaited and self._awaited[0].text is not None:
            head = self._awaited.popleft()
            ready.append((head.closed, _final(head.closed, head.text or "", head.words)))
        return ready


def _final(closed: Closed, text: str, words: tuple[Word, ...]) -> Final:
    segment = closed.segment
    return Final(segment.index, text, segment.start, closed.end, closed.endpoint, closed.reason, words)
