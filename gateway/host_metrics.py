"""Series of a gateway about the workers that it knows, and its links to those of other instances."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.link_auth import Refusal


class HostMetrics:
    def __init__(self, registry: CollectorRegistry, gateway: str) -> None:
        self._gateway = gateway
        self._workers = Gauge(
            "asr_gateway_workers",
            "Workers of each instance that this gateway knows, and that it has a link to.",
            ["gateway", "instance", "state"],
            registry=registry,
        )
        self._refused = Counter(
            "asr_gateway_links_refused",
            "Links to other hosts whose other end did not prove who it is.",
            ["gateway", "reason"],
            registry=registry,
        )
        for reason in Refusal:
            self._refused.labels(gateway, reason.value)
        self._instances: set[str] = set()

    def workers(self, known: Mapping[str, int], linked: Mapping[str, int]) -> None:
        """How many of each instance; those that are not named are gone."""
        for instance in self._instances - known.keys():
            self._workers.remove(self._gateway, instance, "known")
            self._workers.remove(self._gateway, instance, "linked")
        for instance, count in known.items():
            self._workers.labels(self._gateway, instance, "known").set(count)
            self._workers.labels(self._gateway, instance, "linked").set(linked.get(instance, 0))
        self._instances = set(known)

    def link_refused(self, refusal: Refusal) -> None:
        self._refused.labels(self._gateway, refusal.value).inc()
