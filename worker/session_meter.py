"""What is counted and timed of one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.arrivals import Arrivals
from common.audio import seconds_to_samples
from common.clock import Clock
from common.events import Committed, EndpointReason, Partial, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from worker.metrics import WorkerMetrics
from worker.segment_trace import UNTRACED, Trace

# Audio that a gateway may have in flight to a session: enough to keep the VAD busy when a client sends a
# whole file at once, small enough that a thousand sessions cost little.
CREDIT_SAMPLES: Final = seconds_to_samples(4)
# Credit goes back in pieces of this size, not with every hop.
_CREDIT_QUANTUM: Final = CREDIT_SAMPLES // 8


@dataclass(slots=True)
class SessionMeter:
    """How far the session has got, where both figures only ever rise."""

    settled: int
    credited: int

    def settle(self, sample: int) -> int:
        """Samples newly settled."""
        advanced = max(0, sample - self.settled)
        self.settled += advanced
        return advanced

    def credit_due(self, cursor: int) -> int:
        """Samples to give back; a VAD sent back by a cut has been paid for its hops before."""
        due = cursor - self.credited
        if due < _CREDIT_QUANTUM:
            return 0
        self.credited = cursor
        return due


class SessionTiming:
    """How long the text of one session takes in this worker; gateways measure what its client waits for."""

    def __init__(self, metrics: WorkerMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._arrivals = Arrivals()
        self._final_asked_at: dict[int, float] = {}
        self._marked_at = 0.0
        self.trace: Trace = UNTRACED

    def arrived(self, end: int) -> None:
        self._arrivals.add(end, self._clock.now())

    def marked(self) -> None:
        self._marked_at = self._clock.now()

    def final_asked(self, segment: int) -> None:
        self._final_asked_at.setdefault(segment, self._clock.now())
        self.trace.closed(segment)

    def trim(self, before: int) -> None:
        self._arrivals.trim(before)

    def age_of(self, sample: int) -> float:
        return self._arrivals.age_of(sample, self._clock.now())

    def observe(self, event: SpeechStarted | Partial | FinalEvent | Committed | Stopped) -> None:
        match event:
            case SpeechStarted():
                self.trace.opened(event.segment, self.age_of(event.start))
            case FinalEvent():
                self._metrics.final_wait(self._since_endpoint(event))
                self._final_asked_at.pop(event.segment, None)
                self.trace.locked(event)

    def _since_endpoint(self, final: FinalEvent) -> float:
        if final.reason in (EndpointReason.COMMIT, EndpointReason.STOP):
            return self._clock.now() - self._marked_at
        if final.reason is EndpointReason.MAX_LENGTH:
            # A cut is decided seconds behind the place where it is made.
            return self._clock.now() - self._final_asked_at.get(final.segment, self._clock.now())
        return self.age_of(final.endpoint - 1)
