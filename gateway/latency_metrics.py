"""Series of a gateway about how long clients wait for text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from common.events import EndpointReason
from common.metrics import FINAL_BUCKETS_S, LATENCY_BUCKETS_S


class LatencyMetrics:
    """All are there from the start, so that the first observation of each is seen as a rise."""

    def __init__(self, registry: CollectorRegistry, gateway: str) -> None:
        self._first_partial = Histogram(
            "asr_first_partial_seconds",
            "Speech start to first text.",
            ["gateway"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        ).labels(gateway)
        finals = Histogram(
            "asr_final_latency_seconds",
            "End of speech, or order, to locked text.",
            ["gateway", "reason"],
            buckets=FINAL_BUCKETS_S,
            registry=registry,
        )
        self._finals = {reason: finals.labels(gateway, reason.value) for reason in EndpointReason}

    def first_partial(self, seconds: float) -> None:
        self._first_partial.observe(seconds)

    def final(self, reason: EndpointReason, seconds: float) -> None:
        self._finals[reason].observe(seconds)
