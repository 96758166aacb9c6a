"""Workers and gateways as one gateway sees them: rows of all, and the metrics of its instance as one page.

The other processes of the instance are asked over their ops ports; one that does not answer is shown as such.
Other instances are shown as they were heard of last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from common.identity import member_id, ops_url
from common.ops_client import FetchFailed, fetch_text
from common.settings import Settings

log = logging.getLogger(__name__)

READY: Final = "ready"
DOWN: Final = "down"
# A process that runs answers its ops port within milliseconds, even with a busy event loop.
ANSWER_TIMEOUT_S: Final = 0.5
# These describe one process and carry no label that would keep two of them apart.
_PROCESS_WIDE: Final = ("python_", "process_")


class WorkerRow(msgspec.Struct, frozen=True):
    id: str
    pid: int | None
    state: str
    gpu: str | None
    sessions: int
    speaking: int
    lag_ms: int
    metrics_url: str | None


class GatewayRow(msgspec.Struct, frozen=True):
    id: str
    pid: int | None
    state: str
    sessions: int
    metrics_url: str


class HostRows(msgspec.Struct, frozen=True):
    workers: list[WorkerRow]
    gateways: list[GatewayRow]


class WorkerSessions(msgspec.Struct, frozen=True):
    """Ids of the sessions of one worker, as its ops port lists them."""

    sessions: list[str]


class UnknownWorker(Exception):
    """No worker that is known here has this id."""


class WorkerSilent(Exception):
    """The worker has no usable answer on its ops port."""


def gateway_metrics_url(settings: Settings, index: int) -> str:
    """Where gateway `index` of this instance shows its own metrics."""
    return ops_url(settings, settings.gateway_ops_port + index, "/metrics")


def other_gateways(settings: Settings, index: int) -> list[GatewayRow]:
    """Rows of the gateways of this instance except number `index`, as they are if they do not answer."""
    return [
        GatewayRow(member_id(settings, other), None, DOWN, 0, gateway_metrics_url(settings, other))
        for other in range(settings.gateways)
        if other != index
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gateway knows without asking: all workers and those of its instance, itself, and the gateways of
    other instances."""

    workers: Callable[[], list[WorkerRow]]
    own_workers: Callable[[], list[WorkerRow]]
    gateway: Callable[[], GatewayRow]
    gateways_elsewhere: Callable[[], list[GatewayRow]]


class HostView:
    def __init__(
        self,
        seen: Seen,
        others: Sequence[GatewayRow],
        registry: CollectorRegistry,
        *,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """`registry` is this gateway's own; `others` as from `other_gateways`."""
        self._seen = seen
        self._others = others
        self._registry = registry
        self._timeout_s = timeout_s

    async def rows(self) -> HostRows:
        others = await asyncio.gather(
            *(asyncio.to_thread(_gateway_row, other, self._timeout_s) for other in self._others)
        )
        own = sorted([self._seen.gateway(), *others], key=_by_number)
        elsewhere = sorted(self._seen.gateways_elsewhere(), key=_by_number)
        return HostRows(self._seen.workers(), [*own, *elsewhere])

    async def sessions(self, worker: str) -> WorkerSessions:
        """Raises `UnknownWorker` and `WorkerSilent`."""
        row = next((row for row in self._seen.workers() if row.id == worker), None)
        if row is None:
            raise UnknownWorker(worker)
        return await asyncio.to_thread(_worker_sessions, row, self._timeout_s)

    async def metrics(self) -> bytes:
        """This gateway's metrics and those of its instance's ready workers, in the Prometheus text format."""
        rows = self._seen.own_workers()
        scraped = await asyncio.gather(
            *(asyncio.to_thread(_worker_families, row, self._timeout_s) for row in rows)
        )
        up = {row.id: families is not None for row, families in zip(rows, scraped, strict=True)}
        families = [*(family for found in scraped if found for family in found), _up_family(up)]
        # Gauges that look at the loop's own state are read here, the rest is left to a thread.
        own = generate_latest(self._registry).decode()
        return await asyncio.to_thread(_exposition, own, families)


def _by_number(row: GatewayRow) -> tuple[int, str]:
    return len(row.id), row.id


def _gateway_row(other: GatewayRow, timeout_s: float) -> GatewayRow:
    """What the gateway says of itself; `other` if it says nothing usable."""
    try:
        text = fetch_text(urljoin(other.metrics_url, "/status"), timeout_s)
        return msgspec.json.decode(text, type=GatewayRow)
    except (FetchFailed, msgspec.DecodeError):
        log.debug("gateway does not answer", exc_info=True, extra={"gateway": other.id})
        return other


def _worker_sessions(row: WorkerRow, timeout_s: float) -> WorkerSessions:
    if row.metrics_url is None:
        raise WorkerSilent(row.id)
    try:
        text = fetch_text(urljoin(row.metrics_url, "/sessions"), timeout_s)
        return msgspec.json.decode(text, type=WorkerSessions)
    except (FetchFailed, msgspec.DecodeError) as error:
        raise WorkerSilent(row.id) from error


def _worker_families(row: WorkerRow, timeout_s: float) -> list[Metric] | None:
    """The worker's own metrics; None if it is not ready or has no usable answer."""
    if row.state != READY or row.metrics_url is None:
        return None
    try:
        families = list(text_string_to_metric_families(fetch_text(row.metrics_url, timeout_s)))
    except (FetchFailed, ValueError):
        log.debug("worker does not answer", exc_info=True, extra={"worker": row.id})
        return None
    return [family for family in families if not family.name.startswith(_PROCESS_WIDE)]


def _up_family(up: dict[str, bool]) -> Metric:
    family = GaugeMetricFamily("asr_worker_up", "1 while the worker is ready and answers", labels=["worker"])
    for worker, answers in up.items():
        family.add_metric([worker], float(answers))
    return family


def _exposition(own: str, families: Iterable[Metric]) -> bytes:
    # Own metrics come as text too: as objects they would not have the names that the parser gives.
    registry = CollectorRegistry()
    registry.register(_Families([*text_string_to_metric_families(own), *families]))
    return generate_latest(registry)


class _Families(Collector):
    """Metric families as they are, those of one name joined into one."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._by_name: dict[str, Metric] = {}
        for family in families:
            known = self._by_name.setdefault(family.name, family)
            if known is not family:
                known.samples.extend(family.samples)

    def collect(self) -> Iterable[Metric]:
        return self._by_name.values()
