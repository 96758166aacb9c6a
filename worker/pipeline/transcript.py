"""What a session has said so far: finals once and in order, partials only where they belong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from common.events import Final, Partial
from worker.pipeline.segmenter import Closed, OpenSegment


@dataclass(slots=True)
class _AwaitedFinal:
    closed: Closed
    text: str | None = None


@dataclass(slots=True)
class Transcript:
    """Closed segments wait here for their text; they leave in the order in which they were closed."""

    _awaited: deque[_AwaitedFinal] = field(default_factory=deque)
    _revision: int = 0
    _revised_segment: int = -1

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

    def partial(self, segment: OpenSegment, text: str, window_start: int, heard: int) -> Partial:
        """The next revision of the open segment's text."""
        if segment.index != self._revised_segment:
            self._revised_segment, self._revision = segment.index, 0
        self._revision += 1
        return Partial(segment.index, self._revision, text, max(segment.start, window_start), heard)

    def final(self, segment_index: int, text: str) -> list[tuple[Closed, Final]]:
        """Text of a closed segment has come; the finals that may go out now."""
        for awaited in self._awaited:
            if awaited.closed.segment.index == segment_index:
                awaited.text = text
        ready: list[tuple[Closed, Final]] = []
        while self._awaited and self._awaited[0].text is not None:
            head = self._awaited.popleft()
            ready.append((head.closed, _final(head.closed, head.text or "")))
        return ready


def _final(closed: Closed, text: str) -> Final:
    segment = closed.segment
    return Final(segment.index, text, segment.start, closed.end, closed.endpoint, closed.reason)
