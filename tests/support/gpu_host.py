"""What a GPU host would tell Prometheus: a worker of ours on its card, and NVIDIA's DCGM exporter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Gauge

from common.ops_server import OpsServer, Reply, metrics_reply
from worker.metrics import WorkerMetrics

# Of the exporter's default counters.
_DCGM: Final = {
    "DCGM_FI_DEV_GPU_UTIL": 97.0,
    "DCGM_FI_DEV_MEM_COPY_UTIL": 41.0,
    "DCGM_FI_DEV_FB_USED": 31_245.0,
    "DCGM_FI_DEV_POWER_USAGE": 512.0,
    "DCGM_FI_DEV_GPU_TEMP": 58.0,
    "DCGM_FI_DEV_XID_ERRORS": 0.0,
}
DCGM_NAMES: Final = frozenset(_DCGM)
_LABELS: Final = {
    "gpu": "0",
    "UUID": "GPU-5c8b1b2e",
    "pci_bus_id": "00000000:19:00.0",
    "device": "nvidia0",
    "modelName": "NVIDIA H200",
    "Hostname": "card-host",
}


@contextmanager
def gpu_host() -> Iterator[str]:
    """HOST:PORT of both."""
    worker = WorkerMetrics("on-a-card")
    worker.runs_on("card-host", "0:H200", _LABELS["UUID"])
    for name, value in _DCGM.items():
        Gauge(name, name, list(_LABELS), registry=worker.registry).labels(**_LABELS).set(value)

    def metrics() -> Reply:
        """Some decodes since the last scrape."""
        for stage in ("hand_over", "encode", "generate"):
            worker.stage(stage, 0.06)
        return metrics_reply(worker.registry)

    server = OpsServer("127.0.0.1", 0, {"/metrics": metrics})
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.close()
