"""nginx and HAProxy take what is made for them, in every variant."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support import haproxy
from tests.support.certificate import make_certificate
from tests.support.nginx import check

FOLDER, CERTIFICATE, KEY = "FOLDER", "CERTIFICATE", "KEY"
CHOICES: Final = (
    ((), ("--balance", "least-conn")),
    ((), ("--certificate", CERTIFICATE, "--certificate-key", KEY)),
    ((), ("--pages", FOLDER)),
    ((), ("--connections-per-address", "0")),
    (("--gateways", "3"), ("--gateway", "10.0.0.2:11095:18899", "--gateway", "[fd00::2]:11095:18899")),
    ((), ("--listen", "127.0.0.1", "--listen", "::", "--ops-from", "10.0.0.0/8", "--ops-from", "fd00::/8")),
)


VARIANTS: Final = [tuple(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*CHOICES)]


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_nginx_takes_every_variant(arguments: tuple[str, ...], tmp_path: Path) -> None:
    tls = make_certificate(tmp_path).tls
    places = {FOLDER: tmp_path, CERTIFICATE: tls.certificate, KEY: tls.key}
    given = [str(places.get(argument, argument)) for argument in arguments]
    result = CliRunner().invoke(app, ["nginx-config", "--folder", str(tmp_path), *given])
    assert result.exit_code == 0, result.stderr
    config = tmp_path / "nginx.conf"
    config.write_text(result.stdout)
    assert check(config) == ""


def test_haproxy_takes_the_configuration_of_the_repository() -> None:
    assert haproxy.check(haproxy.CONFIG) == ""


def test_haproxy_serves_nobody_as_root() -> None:
    section, *_ = haproxy.CONFIG.read_text(encoding="utf-8").partition("\ndefaults\n")
    assert haproxy.AS_ITSELF in section
