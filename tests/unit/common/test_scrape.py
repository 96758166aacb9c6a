from __future__ import annotations

from common.scrape import TargetGroup, instance_targets
from common.settings import load_settings


def test_every_process_of_an_instance_is_a_target() -> None:
    settings = load_settings({"gateways": 2, "workers": 3, "supervisor_ops_port": 9_666}, {})
    labels = {"voxshard_instance": "local"}
    assert instance_targets(settings) == (
        TargetGroup(("127.0.0.1:9400", "127.0.0.1:9401"), {"process": "gateway", **labels}),
        TargetGroup(("127.0.0.1:9500", "127.0.0.1:9501", "127.0.0.1:9502"), {"process": "worker", **labels}),
        TargetGroup(("127.0.0.1:9666",), {"process": "supervisor", **labels}),
    )


def test_other_hosts_are_told_an_address_that_they_reach() -> None:
    flags = {"redis_url": "redis://10.0.0.7", "advertise_host": "fd00::2", "ops_host": "0.0.0.0"}
    [gateways, *_] = instance_targets(load_settings(flags, {}))
    assert gateways.targets == ("[fd00::2]:9400",)
    assert gateways.labels["voxshard_instance"] == "fd00--2:10095"
