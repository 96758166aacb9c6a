"""A segment in this worker as a span below its utterance, which the gateway has the span of.

What the VAD, the queue and the engine took shows in its events. Times, numbers and codes only: no text and no
audio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from common.clock import Clock
from common.events import Final as FinalEvent
from common.link import Open
from worker.engines.base import Hypothesis
from worker.pipeline.effects import Decode, DecodeKind

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from common.otlp import Attributes, Tracing

_US: Final = 1e6
_NS_PER_US: Final = 1_000


class Untraced:
    """What a session tells of its segments, where nobody wants to know."""

    def opened(self, segment: int, age_s: float) -> None:
        """Somebody speaks, and has done so since audio of this age."""

    def closed(self, segment: int) -> None:
        """It has come to its end, and its text is wanted."""

    def begun(self, decode: Decode) -> None: ...

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None: ...

    def locked(self, final: FinalEvent) -> None: ...

    def end(self, outcome: str) -> None:
        """The session has left this worker."""


class TracedSegments:
    """The same where the trace is kept. A worker that takes a session up may do so within a segment, so any
    call may be the first."""

    def __init__(self, tracing: Tracing, request: Open, epoch: int, unix_clock: Clock) -> None:
        """`epoch`: of the placement."""
        self._tracing = tracing
        self._session = request.trace
        self._clock = unix_clock
        self._attributes: Attributes = {"session.id": request.session, "voxshard.epoch": epoch}
        # Those without their final: few, since the pipeline hears no further while some wait for theirs.
        self._spans: dict[int, Span] = {}

    def opened(self, segment: int, age_s: float) -> None:
        self._span(segment, round((self._clock.now() - age_s) * _US) * _NS_PER_US).add_event("speech")

    def closed(self, segment: int) -> None:
        self._span(segment).add_event("endpoint")

    def begun(self, decode: Decode) -> None:
        if decode.kind is not DecodeKind.PARTIAL:
            self._span(decode.segment).add_event("decode", {"voxshard.kind": decode.kind.name.lower()})

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None:
        # An engine that cannot abort may answer behind the final.
        if decode.kind is not DecodeKind.PARTIAL and decode.segment in self._spans:
            stages = {f"voxshard.{stage}_ms": round(seconds * 1000) for stage, seconds in hypothesis.stages}
            self._spans[decode.segment].add_event("decoded", stages)

    def locked(self, final: FinalEvent) -> None:
        span = self._span(final.segment)
        del self._spans[final.segment]
        self._tracing.end(span, "locked")

    def end(self, outcome: str) -> None:
        for span in self._spans.values():
            self._tracing.end(span, outcome)
        self._spans.clear()

    def _span(self, segment: int, start_ns: int | None = None) -> Span:
        if segment not in self._spans:
            self._spans[segment] = self._tracing.segment(self._session, segment, self._attributes, start_ns)
        return self._spans[segment]


Trace = Untraced | TracedSegments
UNTRACED: Final = Untraced()
