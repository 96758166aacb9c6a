"""compose.yaml, as it stands and as docker-compose understands it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from common.settings import PREFIX, Settings, load_settings
from tests.deploy.programs import ROOT, run

COMPOSE: Final = ROOT / "compose.yaml"
TLS: Final = ROOT / "compose.tls.yaml"
GIVEN: Final = {"REDIS_PASSWORD": "4711", "GRAFANA_PASSWORD": "0815"}
INSTANCES: Final = ("cpu", "card0", "card1")
_TIME: Final = re.compile(r"(?:(\d+)m)?(?:(\d+)s)?")

Service = dict[str, Any]


def written() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return parsed


def understood(*over: Path, **more: str) -> dict[str, Service]:
    """All services by name, with these variables besides those that are needed; `over`: files that are laid
    over compose.yaml. Raises AssertionError."""
    services: dict[str, Service] = config(COMPOSE, {**GIVEN, **more}, *over)["services"]
    return services


def config(file: Path, variables: Mapping[str, str], *over: Path) -> dict[str, Any]:
    """What docker-compose makes of it. Raises AssertionError."""
    files = [part for each in (file, *over) for part in ("-f", str(each))]
    done = run("docker-compose", *files, "config", environ=variables)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = yaml.safe_load(done.stdout)
    return parsed


def started_by(profile: str) -> set[str]:
    return {name for name, service in understood().items() if profile in service["profiles"]}


def settings_of(service: Service) -> Settings:
    """As the process in it would read them. Raises `SettingsError`."""
    variables = {name: str(value) for name, value in service["environment"].items()}
    return load_settings({}, {name: value for name, value in variables.items() if name.startswith(PREFIX)})


def address_of(service: Service) -> str:
    return str(service["networks"]["voxshard"]["ipv4_address"])


def seconds(text: str) -> int:
    """Of a time as compose writes it."""
    found = _TIME.fullmatch(text)
    assert found is not None, text
    minutes, rest = (int(part or 0) for part in found.groups())
    return 60 * minutes + rest
