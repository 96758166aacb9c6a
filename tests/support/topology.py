"""The topology on free ports, for tests that ask its Prometheus."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.settings import load_settings
from deploy.topology.plan import HOST, Plan, make_plan
from deploy.topology.programs import programs
from deploy.topology.running import Running
from tests.support.addresses import Addresses
from tests.support.ports import free_ports


def free_settings() -> dict[str, Any]:
    """Ports for two gateways and two workers behind a proxy."""
    addresses = Addresses(HOST, gateways=2, workers=2, proxied=True)
    return {name.replace("-", "_"): value for name, value in addresses.settings().items()}


@contextmanager
def running_topology(**settings: Any) -> Iterator[Plan]:
    """Scraped every second."""
    with tempfile.TemporaryDirectory(prefix="voxshard-topology-") as folder:
        [prometheus_port] = free_ports(1)
        given = load_settings(free_settings() | settings, environ={})
        plan = make_plan(given, Path(folder), prometheus_port, scrape_s=1)
        with Running(programs(plan)):
            yield plan
