from __future__ import annotations

from pathlib import Path

import pytest

from cli.supervisor.errors import PortUnusable
from cli.supervisor.ports import check_ports, needed_ports
from common.settings import load_settings
from deploy.topology.plan import front_ports, make_plan, serve_environ
from tests.support.ports import free_ports

FOLDER = Path("/tmp/voxshard-topology")


def test_it_is_two_gateways_behind_a_proxy_with_a_redis_of_its_own() -> None:
    plan = make_plan(load_settings({"workers": 3}, {}), FOLDER, 9_090, 5)
    settings = plan.settings
    assert (settings.gateways, settings.workers, settings.proxied) == (2, 3, True)
    assert settings.redis_url == f"unix://{plan.redis_socket}"
    assert plan.live_url == "ws://127.0.0.1:10095"
    assert plan.http_url == "http://127.0.0.1:8899"
    assert plan.prometheus_url == "http://127.0.0.1:9090"


def test_who_says_how_many_gateways_gets_so_many() -> None:
    assert make_plan(load_settings({"gateways": 1}, {}), FOLDER, 9_090, 5).settings.gateways == 1


def test_no_port_is_wanted_twice() -> None:
    [port] = free_ports(1)
    plan = make_plan(load_settings({"port": port, "http_port": port}, {}), FOLDER, 9_090, 5)
    with pytest.raises(PortUnusable, match="change --port or --http-port"):
        check_ports([*front_ports(plan), *needed_ports(plan.settings)])


def test_the_instance_is_told_all_of_it_and_nothing_else() -> None:
    plan = make_plan(load_settings({"max_speaking": 7, "pin_cores": False}, {}), FOLDER, 9_090, 5)
    environ = serve_environ({"PATH": "/bin", "VOXSHARD_WORKERS": "9"}, plan.settings)
    assert environ["PATH"] == "/bin"
    assert load_settings({}, environ) == plan.settings
