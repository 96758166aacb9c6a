"""Every series of a worker, declared once. Counts are of this process's life."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from common.audio import samples_to_seconds
from common.link_auth import Refusal
from common.metrics import LAG_BUCKETS_S, LATENCY_BUCKETS_S, LOOP_LAG_BUCKETS_S, SpanOutcome
from worker.pipeline.effects import DecodeKind

# All that a session's life can come to.
OUTCOMES: Final = ("stopped", "failed", "evicted", "dropped")


class WorkerMetrics:
    """Its registry's series all carry the worker's id, so that many workers can stand in one exposition."""

    def __init__(self, worker: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._worker = worker
        registry = self.registry
        self._sessions = Gauge(
            "asr_sessions_active", "Live sessions.", ["worker", "state"], registry=registry
        )
        self._received = self._counter("asr_audio_received_seconds", "Audio received.")
        self._finalized = self._counter("asr_audio_finalized_seconds", "Audio settled: locked, or no speech.")
        self._busy = Counter(
            "asr_compute_busy_seconds", "Compute time.", ["worker", "stage"], registry=registry
        )
        self._superseded = Counter(
            "asr_decodes_superseded",
            "Decodes replaced before they began.",
            ["worker", "kind"],
            registry=registry,
        )
        self._queue = Histogram(
            "asr_decode_queue_seconds",
            "Wait of a decode for the engine.",
            ["worker", "kind"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._stages = Histogram(
            "asr_decode_stage_seconds",
            "Parts of a decode, waits for a batch included.",
            ["worker", "stage"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._final_wait = self._histogram("asr_final_wait_seconds", "Endpoint to final sent.")
        self._lag = Gauge(
            "asr_worker_lag_seconds", "Age of the oldest unheard audio.", ["worker"], registry=registry
        )
        self._lag_seen = Histogram(
            "asr_worker_lag_distribution_seconds",
            "The same, sampled at every heartbeat.",
            ["worker"],
            buckets=LAG_BUCKETS_S,
            registry=registry,
        )
        self._loop_lag = Histogram(
            "asr_worker_loop_lag_seconds",
            "How late the event loop woke, sampled at every heartbeat.",
            ["worker"],
            buckets=LOOP_LAG_BUCKETS_S,
            registry=registry,
        )
        self._evicted = self._counter("asr_sessions_evicted", "Sessions given up after their timeout.")
        self._ended = Counter(
            "asr_sessions_ended", "Sessions by outcome.", ["worker", "outcome"], registry=registry
        )
        self._rtfx = Gauge("asr_rtfx", "Audio settled over compute time.", ["worker"], registry=registry)
        self._rtfx.labels(worker).set_function(self._rtfx_now)
        self._mps = Gauge(
            "asr_mps_attached", "1: runs under CUDA's MPS daemon.", ["worker"], registry=registry
        )
        self._info = Gauge(
            "asr_worker_info", "Where the worker runs.", ["worker", "host", "gpu", "uuid"], registry=registry
        )
        self._capacity = Gauge(
            "asr_worker_capacity", "Sessions that may speak at once.", ["worker"], registry=registry
        )
        self._refused = Counter(
            "asr_worker_links_refused",
            "Connections to the link port that did not prove who they are.",
            ["worker", "reason"],
            registry=registry,
        )
        self._spans = Counter(
            "asr_worker_spans", "Spans for the collector.", ["worker", "outcome"], registry=registry
        )
        self._settled_s = 0.0
        self._busy_s = 0.0
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Series are there from the start, so that the first of each is seen as a rise."""
        for stage in ("vad", "decode"):
            self._busy.labels(self._worker, stage)
        for kind in DecodeKind:
            self._superseded.labels(self._worker, kind.name.lower())
        for outcome in OUTCOMES:
            self._ended.labels(self._worker, outcome)
        for sent in SpanOutcome:
            self._spans.labels(self._worker, sent)
        for refusal in Refusal:
            self._refused.labels(self._worker, refusal.value)
        self._loop_lag.labels(self._worker)

    def _counter(self, name: str, text: str) -> Counter:
        counter = Counter(name, text, ["worker"], registry=self.registry)
        counter.labels(self._worker)
        return counter

    def _histogram(self, name: str, text: str) -> Histogram:
        histogram = Histogram(name, text, ["worker"], buckets=LATENCY_BUCKETS_S, registry=self.registry)
        histogram.labels(self._worker)
        return histogram

    def _rtfx_now(self) -> float:
        return self._settled_s / self._busy_s if self._busy_s else 0.0

    def mps_attached(self) -> None:
        """Until then there is no sample: without a daemon there is nothing to be attached to."""
        self._mps.labels(self._worker).set(1)

    def runs_on(self, host: str, gpu: str | None, uuid: str | None) -> None:
        """`gpu` and `uuid`: None on the CPU."""
        self._info.labels(self._worker, host, gpu or "cpu", uuid or "").set(1)

    def capacity(self, sessions: float) -> None:
        """Until then there is no sample: nobody has said what is too much."""
        self._capacity.labels(self._worker).set(sessions)

    def connected(self, sessions: int) -> None:
        self._sessions.labels(self._worker, "connected").set(sessions)

    def speaking(self, speaking: int, engaged: int) -> None:
        self._sessions.labels(self._worker, "speaking").set(speaking)
        self._sessions.labels(self._worker, "engaged").set(engaged)

    def received(self, samples: int) -> None:
        self._received.labels(self._worker).inc(samples_to_seconds(samples))

    def settled(self, samples: int) -> None:
        self._settled_s += samples_to_seconds(samples)
        self._finalized.labels(self._worker).inc(samples_to_seconds(samples))

    def busy(self, stage: str, seconds: float) -> None:
        self._busy_s += seconds
        self._busy.labels(self._worker, stage).inc(seconds)

    def superseded(self, kind: DecodeKind) -> None:
        self._superseded.labels(self._worker, kind.name.lower()).inc()

    def queued(self, kind: DecodeKind, seconds: float) -> None:
        self._queue.labels(self._worker, kind.name.lower()).observe(seconds)

    def stage(self, stage: str, seconds: float) -> None:
        self._stages.labels(self._worker, stage).observe(seconds)

    def final_wait(self, seconds: float) -> None:
        self._final_wait.labels(self._worker).observe(seconds)

    def lag(self, seconds: float) -> None:
        self._lag.labels(self._worker).set(seconds)
        self._lag_seen.labels(self._worker).observe(seconds)

    def loop_lag(self, seconds: float) -> None:
        self._loop_lag.labels(self._worker).observe(seconds)

    def link_refused(self, refusal: Refusal) -> None:
        self._refused.labels(self._worker, refusal.value).inc()

    def spans(self, outcome: SpanOutcome, count: int) -> None:
        self._spans.labels(self._worker, outcome).inc(count)

    def evicted(self) -> None:
        self._evicted.labels(self._worker).inc()

    def ended(self, outcome: str) -> None:
        self._ended.labels(self._worker, outcome).inc()
