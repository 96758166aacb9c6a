"""`voxshard drain` and `rolling-restart`: processes of this host are started anew, and no session ends."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated, Final

import msgspec
import typer

from cli.pid_space import pid_space
from common.ops_client import FetchFailed, fetch_text

TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.2
_WORKER: Final = "worker"
_GATEWAY: Final = "gateway"


class Child(msgspec.Struct, frozen=True):
    name: str
    role: str
    state: str
    pid: int | None


class _Children(msgspec.Struct, frozen=True):
    pid_space: str | None
    children: tuple[Child, ...]


Supervisor = Annotated[str, typer.Option(help="address of the supervisor's ops port")]
Within = Annotated[float, typer.Option(help="seconds for each of them to be ready again")]
SUPERVISOR_URL: Final = "http://127.0.0.1:9600"
_WITHIN_S: Final = 400.0


def drain(
    name: Annotated[str, typer.Argument(help="number of the worker, or gateway-N")],
    supervisor: Supervisor = SUPERVISOR_URL,
    within: Within = _WITHIN_S,
) -> None:
    """Restart one worker or gateway of this host: its sessions go to others, each at its next endpoint."""
    _restart(_named(supervisor, f"{_WORKER}-{name}" if name.isdecimal() else name), supervisor, within)


def rolling_restart(
    gateways: Annotated[bool, typer.Option("--gateways", help="then all gateways, too")] = False,
    supervisor: Supervisor = SUPERVISOR_URL,
    within: Within = _WITHIN_S,
) -> None:
    """Restart all workers of this host, one after the other."""
    for role in (_WORKER, _GATEWAY) if gateways else (_WORKER,):
        for name in [child.name for child in _children(supervisor) if child.role == role]:
            # Anew: while others were waited for, it may have become another process.
            _restart(_named(supervisor, name), supervisor, within)


def _restart(child: Child, supervisor: str, within_s: float) -> None:
    if child.pid is None:
        raise failed(f"{child.name} does not run")
    began = time.monotonic()
    try:
        os.kill(child.pid, signal.SIGTERM)
    except OSError as error:
        raise failed(f"{child.name} cannot be told: {error.strerror}") from error
    while not _is_back(_named(supervisor, child.name), child.pid):
        if time.monotonic() - began > within_s:
            raise failed(f"{child.name} was not ready again within {within_s:g} s")
        time.sleep(POLL_S)
    typer.echo(f"{child.name} ready again after {time.monotonic() - began:.1f} s")


def _is_back(child: Child, old_pid: int) -> bool:
    return child.state == "ready" and child.pid not in (None, old_pid)


def _named(supervisor: str, name: str) -> Child:
    children = _children(supervisor)
    for child in children:
        if child.name == name:
            return child
    raise failed(f"there is no {name}; there are: {', '.join(child.name for child in children)}")


def _children(supervisor: str) -> tuple[Child, ...]:
    try:
        body = fetch_text(supervisor.rstrip("/") + "/children", TIMEOUT_S)
        seen = msgspec.json.decode(body, type=_Children)
    except FetchFailed as error:
        raise failed(f"no answer from {error}") from error
    except msgspec.DecodeError as error:
        raise failed(f"{supervisor} answers, but not with a list of children") from error
    check_same_processes(supervisor, seen.pid_space)
    return seen.children


def check_same_processes(supervisor: str, theirs: str | None) -> None:
    """Raises `typer.Exit` if process ids of this supervisor may be those of strangers here."""
    if theirs is None or theirs != pid_space():
        raise failed(
            f"the processes of {supervisor} are not those of this host and container:"
            " give the command where that supervisor runs"
        )


def failed(message: str) -> typer.Exit:
    typer.echo(f"voxshard: {message}", err=True)
    return typer.Exit(1)
