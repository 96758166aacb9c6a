from __future__ import annotations

import pytest

from common.identity import advertised_host, failure_domain, instance_name, member_id, ops_url
from common.settings import Settings, load_settings

REDIS = "redis://10.0.0.7"


def settings_of(host: str | None, redis_url: str | None = REDIS, **more: object) -> Settings:
    return load_settings({"advertise_host": host, "redis_url": redis_url, **more}, {})


@pytest.mark.parametrize("host", [None, "10.0.0.2"])
def test_alone_a_process_is_its_number(host: str | None) -> None:
    alone = settings_of(host, redis_url=None)
    assert (advertised_host(alone), instance_name(alone), failure_domain(alone)) == (None, "local", "local")
    assert member_id(alone, 3) == "3"


def test_among_others_address_and_live_port_come_before_it() -> None:
    shared = settings_of("10.0.0.2", port=10_195)
    assert instance_name(shared) == "10.0.0.2:10195"
    assert member_id(shared, 3) == "10.0.0.2:10195:3"
    assert failure_domain(shared) == "10.0.0.2"


def test_behind_a_proxy_the_port_is_the_first_gateways_own() -> None:
    proxied = settings_of("10.0.0.2", proxied=True, gateway_port=11_195)
    assert instance_name(proxied) == "10.0.0.2:11195"


def test_an_id_needs_no_escape_in_a_path() -> None:
    assert member_id(settings_of("fd00::2"), 0) == "fd00--2:10095:0"


@pytest.mark.parametrize(
    ("ops_host", "shown"),
    [
        ("0.0.0.0", "http://10.0.0.2:9500/metrics"),
        ("127.0.0.1", "http://127.0.0.1:9500/metrics"),
        ("10.1.0.2", "http://10.1.0.2:9500/metrics"),
    ],
)
def test_others_are_told_of_ops_ports_where_they_can_reach_them(ops_host: str, shown: str) -> None:
    assert ops_url(settings_of("10.0.0.2", ops_host=ops_host), 9_500, "/metrics") == shown


def test_alone_ops_ports_are_reached_on_this_machine() -> None:
    alone = settings_of(None, redis_url=None, ops_host="0.0.0.0")
    assert ops_url(alone, 9_500, "/metrics") == "http://127.0.0.1:9500/metrics"
