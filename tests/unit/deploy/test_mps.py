"""The compose file of a daemon beside the workers: what has to be shared for MPS is shared."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.children import ROOT


def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy/mps/sidecar.yaml").read_text(encoding="utf-8"))
    return dict(loaded["services"])


def test_instances_share_with_the_daemon_what_its_clients_must_share() -> None:
    daemon, *instances = services().values()
    assert daemon["command"][:2] == ["mps", "start"]
    assert daemon["ipc"] == "shareable"
    assert len(instances) == 2
    for instance in instances:
        assert (instance["ipc"], instance["pid"]) == ("service:mps", "service:mps")
        assert instance["environment"] == daemon["environment"]
        assert set(daemon["volumes"]) <= set(instance["volumes"])
        assert instance["image"] == daemon["image"]
        assert instance["depends_on"]["mps"]["condition"] == "service_healthy"
        assert instance["deploy"] == daemon["deploy"]


def test_no_two_instances_want_the_same_port() -> None:
    ports = [port.partition(":")[0] for service in services().values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports)) == 2
