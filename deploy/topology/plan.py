"""What is to run where. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.supervisor.ports import NeededPort
from common.settings import PREFIX, Settings

HOST: Final = "127.0.0.1"
_GATEWAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings` are those of the one instance there is; all that is written goes into `folder`."""

    settings: Settings
    folder: Path
    prometheus_port: int
    scrape_s: int

    @property
    def redis_socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def live_url(self) -> str:
        return f"ws://{HOST}:{self.settings.port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self.settings.http_port}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{HOST}:{self.prometheus_port}"


def make_plan(given: Settings, folder: Path, prometheus_port: int, scrape_s: int) -> Plan:
    """Two gateways if nobody said how many; the proxy and Redis are the topology's own."""
    own = {
        "host": HOST,
        "http_host": HOST,
        "proxied": True,
        "run_dir": folder / "run",
        "redis_url": f"unix://{folder}/redis.sock",
        "advertise_host": HOST,
    }
    gateways = given.gateways if "gateways" in given.model_fields_set else _GATEWAYS
    settings = given.model_copy(update={**own, "gateways": gateways})
    return Plan(settings, folder, prometheus_port, scrape_s)


def front_ports(plan: Plan) -> Iterable[NeededPort]:
    """Those that `voxshard serve` does not look at itself."""
    settings = plan.settings
    return (
        NeededPort(HOST, settings.port, "--port", "--host"),
        NeededPort(HOST, settings.http_port, "--http-port", "--http-host"),
        NeededPort(HOST, plan.prometheus_port, "--prometheus-port", "--prometheus-port"),
    )


def voxshard() -> str:
    """The console script beside this Python."""
    return str(Path(sys.executable).with_name("voxshard"))


def serve_environ(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The environment of `voxshard serve`: these settings and no others."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    told = {PREFIX + name.upper(): str(value) for name, value in settings if value is not None}
    return kept | told
