"""Every series of a gateway, declared once. What is heard and said is counted by the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from common.audio import samples_to_seconds
from common.errors import REFUSALS, TABLE, EngineFailed, InternalError, WorkerLost
from common.metrics import LOOP_LAG_BUCKETS_S, SpanOutcome
from gateway.host_metrics import HostMetrics
from gateway.latency_metrics import LatencyMetrics
from gateway.registry.metrics import SharedMetrics
from gateway.tenant_metrics import TenantMetrics

# Of these somebody is to be told.
_OURS: Final = (EngineFailed, InternalError, WorkerLost)
_CODES: Final = frozenset({*range(1000, 1015), *(error.close_code for error in TABLE)})

# Milliseconds where another worker is there, seconds where one has to start.
_MOVE_BUCKETS: Final = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.1,
    0.5,
    1.0,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
)


class GatewayMetrics:
    """Its registry's series all carry the gateway's id."""

    def __init__(self, gateway: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._gateway = gateway
        registry = self.registry
        self._sessions = Gauge(
            "asr_gateway_connections", "Connections by state.", ["gateway", "state"], registry=registry
        )
        frames = Counter(
            "asr_gateway_frames",
            "Frames up, messages down.",
            ["gateway", "direction"],
            registry=registry,
        )
        sizes = Counter(
            "asr_gateway_bytes",
            "Bytes of those.",
            ["gateway", "direction"],
            registry=registry,
        )
        # Looked up once: these count every message.
        self._frames_up, self._frames_down = (frames.labels(gateway, way) for way in ("up", "down"))
        self._bytes_up, self._bytes_down = (sizes.labels(gateway, way) for way in ("up", "down"))
        self._slowed = Counter(
            "asr_gateway_slowed_seconds",
            "Time that connections waited because they had used up their share of the loop.",
            ["gateway"],
            registry=registry,
        )
        self._closes = Counter(
            "asr_gateway_closes", "Connections closed.", ["gateway", "code", "reason"], registry=registry
        )
        self._lost = Counter(
            "asr_audio_lost_seconds",
            "Audio not settled of sessions that were given up.",
            ["gateway", "reason"],
            registry=registry,
        )
        self._rejections = Counter(
            "asr_admission_rejections", "Sessions refused.", ["gateway", "reason"], registry=registry
        )
        self._moves = Counter(
            "asr_session_moves",
            "Sessions that another worker had to take up.",
            ["gateway", "reason"],
            registry=registry,
        )
        self._taken_up = Histogram(
            "asr_session_move_seconds",
            "From the loss of a worker to another one's acceptance.",
            ["gateway", "waited"],
            buckets=_MOVE_BUCKETS,
            registry=registry,
        )
        self._replayed = Counter(
            "asr_replayed_audio_seconds", "Audio given to a worker again.", ["gateway"], registry=registry
        )
        self._stale = Counter(
            "asr_stale_frames",
            "Frames of workers for sessions that they have no more; nobody hears of them.",
            ["gateway"],
            registry=registry,
        )
        self._departed = Counter(
            "asr_gateway_departures",
            "Connections that a gateway which was to end has sent away.",
            ["gateway", "how"],
            registry=registry,
        )
        self._resumes = Counter(
            "asr_session_resumes",
            "Sessions that go on over a new connection.",
            ["gateway"],
            registry=registry,
        )
        self._loop_lag = Histogram(
            "asr_gateway_loop_lag_seconds",
            "How late the event loop woke, sampled a few times a second.",
            ["gateway"],
            buckets=LOOP_LAG_BUCKETS_S,
            registry=registry,
        )
        self._spans = Counter(
            "asr_gateway_spans", "Spans for the collector.", ["gateway", "outcome"], registry=registry
        )
        self.hosts = HostMetrics(registry, gateway)
        self.latency = LatencyMetrics(registry, gateway)
        self.tenants = TenantMetrics(registry, gateway)
        self.shared = SharedMetrics(registry, gateway)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Series are there from the start, so that the first of each is seen as a rise."""
        for series in (self._slowed, self._replayed, self._stale, self._resumes, self._loop_lag):
            series.labels(self._gateway)
        for refusal in REFUSALS:
            self._rejections.labels(self._gateway, refusal.code)
        for outcome in SpanOutcome:
            self._spans.labels(self._gateway, outcome)
        for error in _OURS:
            self._closes.labels(self._gateway, str(error.close_code), error.code)
            self._lost.labels(self._gateway, error.code)
        for why in ("link", EngineFailed.code):
            self._moves.labels(self._gateway, why)
        for waited in ("yes", "no"):
            self._taken_up.labels(self._gateway, waited)
        for how in ("at_rest", "forced"):
            self._departed.labels(self._gateway, how)
        self.connected(0, 0)

    def connected(self, connections: int, sessions: int) -> None:
        self._sessions.labels(self._gateway, "open").set(connections)
        self._sessions.labels(self._gateway, "in_session").set(sessions)

    def count_waiting(self, count: Callable[[], int]) -> None:
        """`count` is asked at every scrape, on the scrape's thread."""
        self._sessions.labels(self._gateway, "waiting").set_function(count)

    def frame_in(self, size: int) -> None:
        self._frames_up.inc()
        self._bytes_up.inc(size)

    def message_out(self, size: int) -> None:
        self._frames_down.inc()
        self._bytes_down.inc(size)

    def slowed(self, seconds: float) -> None:
        """A connection waits for so long."""
        self._slowed.labels(self._gateway).inc(seconds)

    def closed(self, code: int, reason: str) -> None:
        # Codes come from clients too; they must not be able to make series without end.
        self._closes.labels(self._gateway, str(code) if code in _CODES else "other", reason).inc()

    def moved(self, reason: str, unsettled: int) -> None:
        """`unsettled`: samples that have to be heard again."""
        self._moves.labels(self._gateway, reason).inc()
        self._replayed.labels(self._gateway).inc(samples_to_seconds(unsettled))

    def taken_up(self, seconds: float, *, waited: bool) -> None:
        """A session that moved has a worker again."""
        self._taken_up.labels(self._gateway, "yes" if waited else "no").observe(seconds)

    def departed(self, how: str) -> None:
        """A connection of a gateway that is to end."""
        self._departed.labels(self._gateway, how).inc()

    def resumed(self) -> None:
        """A session that has come from a lost connection or gateway."""
        self._resumes.labels(self._gateway).inc()

    def lost(self, reason: str, unsettled: int) -> None:
        """A session was given up for this error; so many samples of it have been heard for nothing."""
        self._lost.labels(self._gateway, reason).inc(samples_to_seconds(unsettled))

    def loop_lag(self, seconds: float) -> None:
        self._loop_lag.labels(self._gateway).observe(seconds)

    def stale_frame(self) -> None:
        self._stale.labels(self._gateway).inc()

    def spans(self, outcome: SpanOutcome, count: int) -> None:
        self._spans.labels(self._gateway, outcome).inc(count)

    def rejected(self, reason: str) -> None:
        self._rejections.labels(self._gateway, reason).inc()
