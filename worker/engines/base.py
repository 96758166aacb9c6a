"""The door to a model. Sessions do not exist behind it: a window of audio in, a hypothesis out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from common.audio import Samples
from worker.engines.words import TimedWord
from worker.pipeline.effects import DecodeKind

SegmentMemory = Any
"""What an engine keeps of one open segment between its decodes; opaque to everybody else."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Requests come together for `least_s` on an idle engine and for longer the longer it takes to answer,
    `most_s` at most; `enough` of them need not wait for more."""

    least_s: float
    most_s: float
    enough: int


@dataclass(frozen=True, slots=True)
class EngineCapabilities:
    """What callers may rely on, so that nobody asks an engine for its name.

    max_segment_ms:     longest audio that it recognises well; segments are cut there.
    max_in_flight:      requests it can work on at once; more would only wait inside, where nothing can be
                        replaced any more.
    can_abort:          cancelling a request that has begun frees what it holds.
    device:             where it computes, as torch calls it.
    continues_partials: a partial goes on from the text that earlier ones of its window agreed on, so a window
                        is cheaper while its start stays where it is.
    gather:             requests that nobody waits for yet had better come together and share a batch; None
                        where that gains nothing.
    """

    max_segment_ms: int
    max_in_flight: int
    device: str = "cpu"
    can_abort: bool = False
    continues_partials: bool = False
    gather: Gather | None = None


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Mono float audio at 16 kHz, shape (n,), with what may help to recognise it; an engine that has no use
    for a language, for hotwords, for a memory or for the wish for word times leaves them.

    `start` is the number of its first sample, in whatever count all requests of a segment share; `memory` is
    what `fresh_memory` gave for that segment. `afresh`: there is time to recognise all of it, whatever the
    memory knows already.
    """

    audio: Samples
    kind: DecodeKind
    language: str | None = None
    hotwords: tuple[str, ...] = ()
    timestamps: bool = False
    start: int = 0
    memory: SegmentMemory = None
    afresh: bool = False

    @property
    def is_final(self) -> bool:
        """Its text may be locked."""
        return self.kind is not DecodeKind.PARTIAL


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Raw text of a window; `busy_s` is the compute time it took. `words` only if they were asked for and
    could be timed, in seconds from the window's begin. `stages` says where the time between request and
    answer went, in seconds, for an engine that has stages."""

    text: str
    busy_s: float
    words: tuple[TimedWord, ...] | None = None
    stages: tuple[tuple[str, float], ...] = ()


class EngineError(Exception):
    """This request failed; the next one may not."""


class EngineDead(Exception):
    """The engine will never answer again: the worker says so and exits."""


class CardLost(EngineDead):
    """By an error of the card: no process that has been told of one can use it again."""


class SegmentEngine(Protocol):
    """Decodes windows of audio; batches inside by itself and mixes sessions freely."""

    @property
    def capabilities(self) -> EngineCapabilities:
        """Not to be asked for before the engine has started."""
        ...

    async def start(self) -> None:
        """Load and warm up. Raises whatever prevents it; the worker then fails to boot with that reason."""
        ...

    def fresh_memory(self) -> SegmentMemory:
        """Memory of a segment that has just begun."""
        ...

    async def room(self) -> int:
        """How many requests would be begun at once if they came now; waits while it would be none.

        What is not handed over yet can still be replaced, so the best are chosen only when this returns.
        """
        ...

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        """Raises `EngineError` or `EngineDead`. Cancelling gives the request up."""
        ...

    def check(self) -> None:
        """Raises `EngineDead` if it has died while nobody asked it for anything; called twice a second."""
        ...

    async def close(self) -> None: ...
