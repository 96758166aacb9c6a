"""`voxshard reload`: the settings of a running instance are read again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Final

import msgspec
import typer

from cli.drain import POLL_S, SUPERVISOR_URL, TIMEOUT_S, Supervisor, check_same_processes, failed
from common.ops_client import FetchFailed, fetch_text

_WITHIN_S: Final = 10.0


class Reloads(msgspec.Struct, frozen=True):
    pid: int
    pid_space: str | None
    reloads: int
    live: tuple[str, ...]
    rolling: tuple[str, ...]
    restart: tuple[str, ...]
    error: str | None


def reload(supervisor: Supervisor = SUPERVISOR_URL) -> None:
    """Read the settings of the instance on this host again, and say what that has changed."""
    before = _reloads(supervisor)
    check_same_processes(supervisor, before.pid_space)
    try:
        os.kill(before.pid, signal.SIGHUP)
    except OSError as error:
        raise failed(f"the supervisor cannot be told: {error.strerror}") from error
    give_up_at = time.monotonic() + _WITHIN_S
    while (now := _reloads(supervisor)).reloads == before.reloads:
        if time.monotonic() > give_up_at:
            raise failed(f"the supervisor has not done so within {_WITHIN_S:g} s")
        time.sleep(POLL_S)
    if now.error is not None:
        raise failed(f"nothing is changed: {now.error}")
    for line in said(now):
        typer.echo(line)


def said(done: Reloads) -> Iterator[str]:
    if done.live:
        yield f"in force now: {', '.join(done.live)}"
    if done.rolling:
        yield f"in force after `voxshard rolling-restart --gateways`: {', '.join(done.rolling)}"
    if done.restart:
        yield f"in force after a new start of `voxshard serve`: {', '.join(done.restart)}"
    if not (done.live or done.rolling or done.restart):
        yield "no setting has changed; the files that they name were read again"


def _reloads(supervisor: str) -> Reloads:
    try:
        return msgspec.json.decode(fetch_text(supervisor.rstrip("/") + "/reloads", TIMEOUT_S), type=Reloads)
    except FetchFailed as error:
        raise failed(f"no answer from {error}") from error
    except msgspec.DecodeError as error:
        raise failed(f"{supervisor} answers, but is no supervisor that can reload") from error
