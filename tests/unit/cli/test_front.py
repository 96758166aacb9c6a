from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hatchling.builders.wheel import WheelBuilder

from cli.front import Balance, Bounds, Entry, Front, Gateway, Tls, UnusablePath, render
from tests.support.processes import ROOT

BOUNDS: Final = Bounds(
    header_s=5, silence_s=600, unread_s=60, reload_s=3_600, connections_per_address=100, upload_mib=64
)
FRONT: Final = Front(
    (Gateway("127.0.0.1:11095", "127.0.0.1:18899"), Gateway("[fd00::2]:11095", "[fd00::2]:18899")),
    Entry(("*",), 10_095, 8_899),
    BOUNDS,
)
TLS: Final = Tls(Path("/etc/tls/certificate.pem"), Path("/etc/tls/key.pem"))


def lines(front: Front) -> list[str]:
    return [line.strip() for line in render(front).splitlines()]


def test_each_gateway_is_asked_on_both_of_its_ports_and_never_given_up() -> None:
    servers = [line for line in lines(FRONT) if line.startswith("server ") and line.endswith(";")]
    assert servers == [
        "server 127.0.0.1:11095 max_fails=0;",
        "server [fd00::2]:11095 max_fails=0;",
        "server 127.0.0.1:18899 max_fails=0;",
        "server [fd00::2]:18899 max_fails=0;",
    ]


def test_connections_go_in_turn_unless_told_otherwise() -> None:
    assert "least_conn;" not in lines(FRONT)
    assert lines(replace(FRONT, balance=Balance.LEAST_CONN)).count("least_conn;") == 2


def test_bounds_stand_there() -> None:
    there = lines(FRONT)
    for line in (
        "client_header_timeout 5s;",
        "proxy_read_timeout 600s;",
        "proxy_send_timeout 600s;",
        "send_timeout 60s;",
        "worker_shutdown_timeout 3600s;",
        "limit_conn voxshard_addresses 100;",
        "client_max_body_size 64m;",
    ):
        assert line in there


def test_no_connection_is_counted_without_a_limit() -> None:
    front = replace(FRONT, bounds=replace(BOUNDS, connections_per_address=0))
    assert "limit_conn" not in render(front)


def test_every_address_has_both_ports() -> None:
    entry = Entry(("127.0.0.1", "[::1]"), 10_095, 8_899)
    listening = [line for line in lines(replace(FRONT, entry=entry)) if line.startswith("listen ")]
    assert [line.split()[1].rstrip(";") for line in listening] == [
        "127.0.0.1:10095",
        "[::1]:10095",
        "127.0.0.1:8899",
        "[::1]:8899",
    ]


def test_tls_is_on_both_ports_and_modern() -> None:
    assert "ssl" not in render(FRONT)
    there = lines(replace(FRONT, entry=replace(FRONT.entry, tls=TLS)))
    assert sum(line.startswith("listen ") and line.endswith(" ssl;") for line in there) == 2
    assert 'ssl_certificate_key "/etc/tls/key.pem";' in there
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in there


def test_operators_are_those_of_the_networks() -> None:
    there = lines(replace(FRONT, ops_from=("10.0.0.0/8", "::1/128")))
    assert [line for line in there if line.startswith(("allow", "deny"))] == [
        "allow 10.0.0.0/8;",
        "allow ::1/128;",
        "deny all;",
    ]


def test_without_a_folder_files_are_where_debian_has_them() -> None:
    assert 'access_log "/var/log/nginx/access.log" voxshard;' in lines(FRONT)
    assert "pid" not in {line.partition(" ")[0] for line in lines(FRONT)}
    there = lines(replace(FRONT, folder=Path("/srv/front door")))
    assert 'pid "/srv/front door/nginx.pid";' in there
    assert 'client_body_temp_path "/srv/front door/body";' in there


def test_relative_paths_are_those_of_the_caller() -> None:
    assert f'root "{Path.cwd()}/pages";' in lines(replace(FRONT, pages=Path("pages")))


@pytest.mark.parametrize("path", ['/a"b', "/a$b", "/a\\b", "/a\nb"])
def test_a_path_that_nginx_would_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(UnusablePath):
        render(replace(FRONT, pages=Path(path)))


def test_the_template_is_in_the_wheel_where_it_is_looked_for(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    assert "deploy/nginx/nginx.conf.j2" in names
    assert "cli/front.py" in names
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "cli",
        "client",
        "common",
        "deploy",
        "gateway",
        "worker",
    }
