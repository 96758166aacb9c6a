"""Where Prometheus finds the processes of an instance, as its service discovery wants to be told. Pure.

An instance is told as a whole, whatever of it runs: a process that is down has to be seen to be down.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from common.identity import instance_name, ops_url
from common.settings import Settings


class TargetGroup(msgspec.Struct, frozen=True):
    """Addresses as HOST:PORT, and the labels that their series get."""

    targets: tuple[str, ...]
    labels: Mapping[str, str]


def instance_targets(settings: Settings) -> tuple[TargetGroup, ...]:
    """Label `process` says what it is, `voxshard_instance` whose."""
    first_ports = {
        "gateway": (settings.gateway_ops_port, settings.gateways),
        "worker": (settings.worker_ops_port, settings.workers),
        "supervisor": (settings.supervisor_ops_port, 1),
    }
    return tuple(
        TargetGroup(
            tuple(_address(settings, first + index) for index in range(count)),
            {"process": process, "voxshard_instance": instance_name(settings)},
        )
        for process, (first, count) in first_ports.items()
        if count
    )


def _address(settings: Settings, port: int) -> str:
    return urlsplit(ops_url(settings, port, "/metrics")).netloc
