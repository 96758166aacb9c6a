"""What the client of one session waits for: from what it says at the gateway to what it is told there.

All that Voxshard takes is in it, the links and a move to another worker included; what lies between client
and gateway is not. A client can measure the same: its messages name the samples.
"""

from __future__ import annotations

from typing import Final

from common.arrivals import Arrivals
from common.clock import Clock
from common.events import EndpointReason, Event, Partial, SpeechStarted
from common.events import Final as FinalEvent
from gateway.latency_metrics import LatencyMetrics

_ORDERED: Final = (EndpointReason.COMMIT, EndpointReason.STOP)


class ClientLatency:
    def __init__(self, metrics: LatencyMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._frames = Arrivals()
        self._orders = Arrivals()
        # Of segments that have no text yet.
        self._starts: dict[int, int] = {}

    def heard(self, end: int, settled: int) -> None:
        """A frame up to the sample `end` has come; nothing before `settled` will be asked about."""
        self._frames.add(end, self._clock.now())
        self._frames.trim(settled)
        self._orders.trim(settled)

    def ordered(self, end: int) -> None:
        """COMMIT or STOP behind the audio so far, which is up to `end`."""
        self._orders.add(end, self._clock.now())

    def told(self, event: Event) -> None:
        """It has been written to the client."""
        match event:
            case SpeechStarted(segment, start):
                self._starts[segment] = start
            case Partial() if event.text and event.segment in self._starts:
                start = self._starts.pop(event.segment)
                self._metrics.first_partial(self._frames.age_of(start, self._clock.now()))
            case FinalEvent():
                self._starts.pop(event.segment, None)
                # Of a final without text no client hears.
                if event.text:
                    self._metrics.final(event.reason, self._waited_s(event))

    def _waited_s(self, final: FinalEvent) -> float:
        """Since the order, or the last sound: who speaks also waits for the silence that ends a sentence."""
        if final.reason in _ORDERED:
            return self._orders.age_of(final.endpoint - 1, self._clock.now())
        return self._frames.age_of(final.end - 1, self._clock.now())
