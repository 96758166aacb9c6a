"""What one session was told and has said since its last checkpoint: enough to give it to another worker.

Audio before the checkpoint is settled: covered by locked text, or without speech. From there on another
worker gets the same audio and the same orders at the same places, and what it says again is not said twice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.audio import seconds_to_samples
from common.checkpoint import ORIGIN, Checkpoint
from common.events import Committed, Event, Partial, SpeechStarted
from common.events import Final as FinalEvent
from common.timeline import AudioTimeline

# Segments end at 30 s, and a worker hears no further while two of them wait for their text.
KEPT: Final = seconds_to_samples(120)
# Orders without an answer after which no more are to be taken while there is nobody to answer.
MAX_ORDERS: Final = 256
# One frame on the link: 32 kB.
_PIECE: Final = seconds_to_samples(1)


class Order(Enum):
    COMMIT = "commit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio from the sample `first` on."""

    first: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class _Mark:
    order: Order
    position: int


class SessionLog:
    """In: what the client says, and what the worker answers. Out: `next`, what to tell the worker."""

    def __init__(self, checkpoint: Checkpoint = ORIGIN, last_locked: int = -1) -> None:
        """From the checkpoint on; all up to the segment `last_locked` is said already."""
        self._audio = AudioTimeline(checkpoint.audio_from)
        self._checkpoint = checkpoint
        self._marks: deque[_Mark] = deque()
        self._told = checkpoint.audio_from
        self._marks_told = 0
        self._last_started = last_locked
        self._last_locked = last_locked

    @property
    def checkpoint(self) -> Checkpoint:
        """Where another worker would begin."""
        return self._checkpoint

    @property
    def unsettled(self) -> int:
        """Samples that another worker would have to hear again."""
        return self._audio.end - self._checkpoint.audio_from

    @property
    def orders(self) -> int:
        """How many have no answer yet."""
        return len(self._marks)

    @property
    def at_rest(self) -> bool:
        """Nothing is half said, and nobody waits for an answer."""
        return self._last_started <= self._last_locked and not self._marks

    @property
    def complete(self) -> bool:
        """Whether all audio from the checkpoint on is still there."""
        return self._audio.start <= self._checkpoint.audio_from

    def append(self, pcm: bytes) -> None:
        """Keeps the newest `KEPT` samples. An engine with longer segments than that needs more audio to end
        one: then the log is not complete until it has."""
        self._audio.append(pcm)
        self._audio.trim(min(self._audio.end - KEPT, self._told))

    def order(self, order: Order) -> None:
        """At the end of the audio so far."""
        self._marks.append(_Mark(order, self._audio.end))

    def settled(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._audio.trim(checkpoint.audio_from)

    def begin_again(self) -> None:
        """A worker begins at the checkpoint: it has been told nothing. Only while the log is complete."""
        self._told = self._checkpoint.audio_from
        self._marks_told = 0

    def next(self, *, room: bool) -> Piece | Order | None:
        """What the worker has to be told next; None if it knows all, or if it has no room for the audio."""
        mark = self._marks[self._marks_told] if self._marks_told < len(self._marks) else None
        limit = self._audio.end if mark is None else mark.position
        if self._told < limit:
            if not room:
                return None
            first, self._told = self._told, min(limit, self._told + _PIECE)
            return Piece(first, self._audio.pcm(first, self._told))
        if mark is None:
            return None
        self._marks_told += 1
        return mark.order

    def is_news(self, event: Event) -> bool:
        """Whether the client has not heard this yet; to be asked once for every event of a worker."""
        match event:
            case SpeechStarted(segment):
                return self._is_newer(segment)
            case Partial(segment):
                return segment > self._last_locked
            case FinalEvent(segment):
                newer = segment > self._last_locked
                self._last_locked = max(self._last_locked, segment)
                return newer
            case Committed():
                return self._answered()
            case _:
                return True

    def _is_newer(self, segment: int) -> bool:
        newer = segment > self._last_started
        self._last_started = max(self._last_started, segment)
        return newer

    def _answered(self) -> bool:
        """The oldest COMMIT is answered, if there is one that has been told."""
        if not self._marks_told or self._marks[0].order is not Order.COMMIT:
            return False
        self._marks.popleft()
        self._marks_told -= 1
        return True
