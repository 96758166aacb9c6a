from __future__ import annotations

import socket

import pytest

from cli.supervisor.errors import PortUnusable
from cli.supervisor.ports import NeededPort, check_ports, needed_ports
from common.settings import load_settings
from tests.support.ports import free_ports


def needed(port: int, host: str = "127.0.0.1", flag: str = "--port") -> NeededPort:
    return NeededPort(host, port, flag, "--host")


def free_port() -> int:
    [port] = free_ports(1)
    return port


def test_every_process_and_both_public_ports_are_needed() -> None:
    settings = load_settings({"workers": 2, "gateways": 2, "ops_host": "127.0.0.2"}, {})
    assert [(each.host, each.port, each.flag) for each in needed_ports(settings)] == [
        ("127.0.0.1", 10_095, "--port"),
        ("127.0.0.1", 8_899, "--http-port"),
        ("127.0.0.2", 9_400, "--gateway-ops-port"),
        ("127.0.0.2", 9_401, "--gateway-ops-port"),
        ("127.0.0.2", 9_500, "--worker-ops-port"),
        ("127.0.0.2", 9_501, "--worker-ops-port"),
        ("127.0.0.2", 9_600, "--supervisor-ops-port"),
    ]


def test_behind_a_proxy_each_gateway_has_ports_of_its_own_and_the_proxy_those_of_all() -> None:
    settings = load_settings({"proxied": True, "gateways": 2}, {})
    assert [(each.port, each.flag) for each in needed_ports(settings)[:4]] == [
        (11_095, "--gateway-port"),
        (18_899, "--gateway-http-port"),
        (11_096, "--gateway-port"),
        (18_900, "--gateway-http-port"),
    ]


def test_workers_without_gateways_leave_the_public_ports_to_others() -> None:
    settings = load_settings({"gateways": 0, "workers": 1, "redis_url": "redis://10.0.0.7"}, {})
    assert [each.flag for each in needed_ports(settings)] == ["--worker-ops-port", "--supervisor-ops-port"]


def test_links_of_other_hosts_need_ports_where_there_are_any() -> None:
    flags = {"workers": 2, "advertise_host": "10.0.0.2"}
    shared = needed_ports(load_settings({**flags, "redis_url": "redis://10.0.0.7"}, {}))
    assert [(each.host, each.port, each.flag) for each in shared[-2:]] == [
        ("10.0.0.2", 9_700, "--link-port"),
        ("10.0.0.2", 9_701, "--link-port"),
    ]
    assert needed_ports(load_settings(flags, {})) == shared[:-2]


def test_free_ports_pass_and_stay_free() -> None:
    port = free_port()
    check_ports([needed(port)])
    check_ports([needed(port)])


@pytest.mark.parametrize("shared", [False, True])
def test_taken_port_is_refused_even_if_its_owner_would_share_it(shared: bool) -> None:
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        with pytest.raises(PortUnusable, match=rf"port {port} on 127\.0\.0\.1 is taken: .* with --http-port"):
            check_ports([needed(port, flag="--http-port")])


def test_lingering_connections_of_a_former_run_do_not_take_a_port() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    connection, _ = server.accept()
    # The side that closes first is the one whose port lingers in TIME_WAIT.
    for end in (connection, client, server):
        end.close()
    check_ports([needed(port)])


def test_port_wanted_twice_is_refused_by_both_names() -> None:
    port = free_port()
    with pytest.raises(PortUnusable, match="wanted twice: change --port or --http-port"):
        check_ports([needed(port), needed(port, flag="--http-port")])


@pytest.mark.parametrize(
    ("one", "other"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "127.0.0.1"), ("::1", "::")]
)
def test_a_port_of_all_addresses_and_of_one_is_wanted_twice(one: str, other: str) -> None:
    port = free_port()
    with pytest.raises(PortUnusable, match="wanted twice"):
        check_ports([needed(port, one), needed(port, other)])


@pytest.mark.parametrize("one", ["127.0.0.2", "0.0.0.0"])
def test_a_port_of_two_addresses_is_two_ports(one: str) -> None:
    port = free_port()
    check_ports([needed(port, one), needed(port, "127.0.0.1" if one == "127.0.0.2" else "::1")])


def test_counted_port_beyond_the_last_is_refused() -> None:
    settings = load_settings({"worker_ops_port": 65_535, "workers": 2}, {})
    beyond = [each for each in needed_ports(settings) if each.port > 65_535]
    with pytest.raises(PortUnusable, match="65536 does not exist: choose a lower --worker-ops-port"):
        check_ports(beyond)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
def test_address_that_is_not_ours_is_told_by_its_flag(host: str) -> None:
    with pytest.raises(PortUnusable, match="change --host or --port"):
        check_ports([needed(free_port(), host)])
