"""What the pipeline wants done; the session runner does it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from common.checkpoint import Checkpoint
from common.events import Committed, Final, Partial, SpeechStarted, Stopped


class DecodeKind(IntEnum):
    """In the order in which they are served."""

    FINAL = 0
    SPECULATIVE = 1
    PARTIAL = 2


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the audio [start, end) of a segment. `foreseen`: a final that was asked for as a speculation."""

    kind: DecodeKind
    segment: int
    start: int
    end: int
    foreseen: bool = False


@dataclass(frozen=True, slots=True)
class Promote:
    """The speculative decode of this segment has become its final."""

    segment: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody waits for this decode of the segment any more."""

    kind: DecodeKind
    segment: int


@dataclass(frozen=True, slots=True)
class Emit:
    event: SpeechStarted | Partial | Final | Committed | Stopped


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing before the checkpoint's audio is needed any more."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class ResetVad:
    """The next hop goes to a VAD that remembers nothing."""


Effect = Decode | Promote | Withdraw | Emit | Settle | ResetVad
