from __future__ import annotations

import inspect
import re

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.nginx import nginx_config
from tests.support.processes import ROOT


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["nginx-config", *arguments])


def servers(*arguments: str) -> list[str]:
    lines = [line.strip() for line in run(*arguments).stdout.splitlines()]
    return [line.split()[1] for line in lines if line.startswith("server ") and line.endswith(";")]


def test_gateways_are_those_that_the_settings_start() -> None:
    flags = (
        "--gateways",
        "2",
        "--host",
        "10.0.0.2",
        "--gateway-port",
        "12000",
        "--gateway-http-port",
        "19000",
    )
    assert servers(*flags) == ["10.0.0.2:12000", "10.0.0.2:12001", "127.0.0.1:19000", "127.0.0.1:19001"]


def test_gateways_of_several_hosts_are_named() -> None:
    named = ("--gateway", "10.0.0.2:11095:18899", "--gateway", "[fd00::2]:11096:18900")
    assert servers(*named) == ["10.0.0.2:11095", "[fd00::2]:11096", "10.0.0.2:18899", "[fd00::2]:18900"]


def test_times_follow_from_those_of_the_gateways() -> None:
    said = run("--idle-timeout", "90", "--slow-reader-timeout", "40", "--max-session", "7200").stdout
    assert "proxy_read_timeout 900s;" in said
    assert " send_timeout 70s;" in said
    assert "worker_shutdown_timeout 7200s;" in said
    assert "worker_shutdown_timeout 60s;" in run("--reload-timeout", "60").stdout


def test_ports_are_those_that_gateways_leave_to_a_proxy() -> None:
    said = run("--port", "443", "--http-port", "8443", "--listen", "::").stdout
    assert "listen [::]:443 backlog" in said and "listen [::]:8443 backlog" in said


def test_tls_takes_a_certificate_and_its_key() -> None:
    said = run("--certificate", "/a.pem", "--certificate-key", "/b.pem").stdout
    assert 'ssl_certificate "/a.pem";' in said and 'ssl_certificate_key "/b.pem";' in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--gateway", "10.0.0.2:11095"], "HOST:PORT:HTTP_PORT"),
        (["--gateway", "10.0.0.2:11095:0"], "HOST:PORT:HTTP_PORT"),
        (["--gateway", "10.0.0.2:11095:70000"], "HOST:PORT:HTTP_PORT"),
        (["--gateway", "a b:11095:18899"], "address"),
        (["--listen", "localhost"], "localhost"),
        (["--ops-from", "10.0.0.1/8"], "10.0.0.1/8"),
        (["--certificate", "a.pem"], "go together"),
        (["--certificate-key", "a.pem"], "go together"),
        (["--pages", "/a$b"], "/a$b"),
        (["--balance", "random"], "random"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: list[str], named: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""


def test_every_flag_of_its_own_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "proxy.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in guide.splitlines() if line.startswith("|"))
    own = list(inspect.signature(nginx_config).parameters)[1:]
    named = [name for row in table.splitlines() for name in re.findall(r"`(--[a-z-]+)", row.split("|")[1])]
    assert named == ["--" + name.replace("_", "-") for name in own]
