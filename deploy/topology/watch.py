"""The configuration of Prometheus: the one that deployments use, on the ports of this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from deploy.topology.plan import HOST, Plan

FOLDER: Final = Path(__file__).parent.parent / "prometheus"


def prometheus_config(plan: Plan) -> str:
    config: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    every = f"{plan.scrape_s}s"
    config["global"] = {"scrape_interval": every, "evaluation_interval": every}
    config["rule_files"] = [str(FOLDER / pattern) for pattern in config["rule_files"]]
    [voxshard] = [job for job in config["scrape_configs"] if job["job_name"] == "voxshard"]
    first, count = plan.settings.gateway_ops_port, plan.settings.gateways
    voxshard["http_sd_configs"] = [
        {"url": f"http://{HOST}:{port}/targets", "refresh_interval": every}
        for port in range(first, first + count)
    ]
    return yaml.safe_dump(config, sort_keys=False)
