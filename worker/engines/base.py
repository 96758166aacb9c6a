"""The door to a model. Sessions do not exist behind it: a window of audio in, a hypothesis out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from common.audio import Samples


@dataclass(frozen=True, slots=True)
class EngineCapabilities:
    """What callers may rely on, so that nobody asks an engine for its name.

    max_segment_ms:  longest audio that it recognises well; segments are cut there.
    max_in_flight:   requests it can work on at once; more would only wait inside, where nothing can be
                     replaced any more.
    """

    max_segment_ms: int
    max_in_flight: int


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Mono float audio at 16 kHz, shape (n,), with what may help to recognise it; an engine that has no use
    for a language or for hotwords leaves them."""

    audio: Samples
    is_final: bool
    language: str | None = None
    hotwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Raw text of a window; `busy_s` is the compute time it took."""

    text: str
    busy_s: float


class EngineError(Exception):
    """This request failed; the next one may not."""


class EngineDead(Exception):
    """The engine will never answer again: the worker says so and exits."""


class SegmentEngine(Protocol):
    """Decodes windows of audio; batches inside by itself and mixes sessions freely."""

    capabilities: EngineCapabilities

    async def start(self) -> None:
        """Load and warm up. Raises whatever prevents it; the worker then fails to boot with that reason."""
        ...

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        """Raises `EngineError` or `EngineDead`. Cancelling gives the request up."""
        ...

    async def close(self) -> None: ...
