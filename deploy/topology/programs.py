"""The programs of the topology: how each is started, and how it shows that it is there."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common.ops_client import FetchFailed, fetch_text
from deploy.topology.errors import ProgramMissing
from deploy.topology.front import nginx_config
from deploy.topology.plan import HOST, Plan, serve_environ, voxshard
from deploy.topology.watch import prometheus_config

_ANSWER_S: Final = 1.0
# Where Debian puts daemons, which is not everybody's path.
_SBIN: Final = "/usr/sbin"


@dataclass(frozen=True, slots=True)
class Program:
    """`answers` is asked until it is true; by then `log` is there. `patience_s`: for how long."""

    name: str
    argv: tuple[str, ...]
    answers: Callable[[], bool]
    log: Path
    patience_s: float = 10.0
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def programs(plan: Plan) -> tuple[Program, ...]:
    """In the order in which they start; writes their configuration. Raises `ProgramMissing`."""
    found = (_redis(plan), _serve(plan), _nginx(plan), _prometheus(plan))
    (plan.folder / "nginx.conf").write_text(nginx_config(plan))
    (plan.folder / "prometheus.yml").write_text(prometheus_config(plan))
    return found


def _redis(plan: Plan) -> Program:
    path = plan.redis_socket
    options = {"port": "0", "unixsocket": path, "unixsocketperm": "700", "save": "", "appendonly": "no"}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    argv = (_path("redis-server", "redis-server"), *flags)
    return Program("redis", argv, lambda: _listens(str(path), socket.AF_UNIX), _log(plan, "redis"))


def _serve(plan: Plan) -> Program:
    """All of the instance: a model may have to be prepared first."""
    log = _log(plan, "voxshard")
    return Program(
        "voxshard",
        (voxshard(), "serve"),
        lambda: "ready" in log.read_text(errors="replace").splitlines(),
        log,
        patience_s=plan.settings.boot_timeout,
        environ=serve_environ(os.environ, plan.settings),
    )


def _nginx(plan: Plan) -> Program:
    folder = str(plan.folder)
    argv = (_path("nginx", "nginx-light"), "-p", folder, "-c", f"{folder}/nginx.conf", "-g", "daemon off;")
    address = (HOST, plan.settings.port)
    return Program(
        "nginx", (*argv, "-e", "stderr"), lambda: _listens(address, socket.AF_INET), _log(plan, "nginx")
    )


def _prometheus(plan: Plan) -> Program:
    argv = (
        _path("prometheus", "prometheus"),
        f"--config.file={plan.folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={plan.folder / 'prometheus'}",
        f"--web.listen-address={HOST}:{plan.prometheus_port}",
        "--log.level=warn",
    )
    ready = f"{plan.prometheus_url}/-/ready"
    return Program("prometheus", argv, lambda: _says_yes(ready), _log(plan, "prometheus"))


def _path(program: str, package: str) -> str:
    path = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN)))
    if path is None:
        raise ProgramMissing(f"{program} is not installed: apt-get install {package}")
    return path


def _log(plan: Plan, name: str) -> Path:
    return plan.folder / f"{name}.log"


def _listens(address: str | tuple[str, int], family: socket.AddressFamily) -> bool:
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def _says_yes(url: str) -> bool:
    try:
        fetch_text(url, _ANSWER_S)
    except FetchFailed:
        return False
    return True
