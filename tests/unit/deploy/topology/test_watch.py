from __future__ import annotations

from pathlib import Path

import yaml

from common.settings import load_settings
from deploy.topology.plan import make_plan
from deploy.topology.watch import FOLDER, prometheus_config

PLAN = make_plan(load_settings({"gateway_ops_port": 9_450}, {}), Path("/tmp/voxshard-topology"), 9_090, 2)


def test_prometheus_asks_the_gateways_of_this_topology() -> None:
    config, shipped = yaml.safe_load(prometheus_config(PLAN)), (FOLDER / "prometheus.yml").read_text()
    assert config["global"] == {"scrape_interval": "2s", "evaluation_interval": "2s"}
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs.keys() == {job["job_name"] for job in yaml.safe_load(shipped)["scrape_configs"]}
    assert [source["url"] for source in jobs["voxshard"]["http_sd_configs"]] == [
        "http://127.0.0.1:9450/targets",
        "http://127.0.0.1:9451/targets",
    ]
    [rules] = config["rule_files"]
    assert list(Path("/").glob(rules.removeprefix("/")))
