"""Series of a gateway about its tenants: no more of them than the tenants file has."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.audio import samples_to_seconds


class TenantMetrics:
    def __init__(self, registry: CollectorRegistry, gateway: str) -> None:
        self._gateway = gateway
        labels = ["gateway", "tenant"]
        self._sessions = Gauge("asr_tenant_sessions", "Sessions of a tenant.", labels, registry=registry)
        self._audio = Counter(
            "asr_tenant_audio_seconds", "Audio that a tenant has sent.", labels, registry=registry
        )
        self._refused = Counter(
            "asr_tenant_refusals",
            "Sessions and connections of a tenant that were refused or cut short.",
            [*labels, "reason"],
            registry=registry,
        )

    def of(self, tenant: str) -> TenantUse:
        """What one connection of the tenant counts."""
        return TenantUse(
            self._sessions.labels(self._gateway, tenant), self._audio.labels(self._gateway, tenant)
        )

    def refused(self, tenant: str, reason: str) -> None:
        self._refused.labels(self._gateway, tenant, reason).inc()


class TenantUse:
    """Its series, looked up once: these count every frame."""

    def __init__(self, sessions: Gauge, audio: Counter) -> None:
        self._sessions = sessions
        self._audio = audio

    def begins(self) -> None:
        self._sessions.inc()

    def hears(self, samples: int) -> None:
        self._audio.inc(samples_to_seconds(samples))

    def ends(self) -> None:
        self._sessions.dec()
