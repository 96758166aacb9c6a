"""What a gateway shares with others at the moment, as gauges."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

Report = Callable[[bool], None]


class SharedMetrics:
    """Each is told whether it is so."""

    def __init__(self, registry: CollectorRegistry, gateway: str) -> None:
        def gauge(name: str, meaning: str, *, at_first: bool = False) -> Report:
            series = Gauge(name, meaning, ["gateway"], registry=registry).labels(gateway)
            series.set(at_first)
            return series.set

        self.registry_up = gauge(
            "asr_registry_up",
            "1 while the registry of session ids answers; always where it is this process's own.",
            at_first=True,
        )
        self.records_shared = gauge(
            "asr_records_shared", "1 while other gateways can resume the sessions of this one."
        )
        self.quotas_shared = gauge(
            "asr_quotas_shared",
            "1 while quotas count over all gateways, 0 while they count in this one alone.",
        )
