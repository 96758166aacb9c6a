"""`voxshard mps`: CUDA's MPS daemon for those who do not leave it to `voxshard serve`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from common.logs import configure_logs
from common.notify import notify_ready
from common.process import wait_for_stop_signal
from worker.mps_control import DEFAULT_PIPES, PIPES_VARIABLE, NoAnswer, ask, clients, servers

if TYPE_CHECKING:
    from cli.supervisor.mps_daemon import OwnDaemon

_FAILED: Final = 1
_DEFAULT_LOGS: Final = Path("/tmp/nvidia-mps-logs")
_QUIT_LIMIT_S: Final = 10.0

Pipes = Annotated[
    Path,
    typer.Option(
        "--pipes", envvar=PIPES_VARIABLE, help="folder by which CUDA finds the daemon", show_default=True
    ),
]
Logs = Annotated[Path, typer.Option("--logs", help="folder of the daemon's own logs", show_default=True)]


def start(pipes: Pipes = DEFAULT_PIPES, logs: Logs = _DEFAULT_LOGS) -> None:
    """Run the daemon in the foreground until it is told to stop: for systemd, for a container, by hand."""
    from cli.supervisor.mps_daemon import DaemonFailed, Folders, OwnDaemon  # noqa: PLC0415
    from cli.supervisor.policy import describe_exit  # noqa: PLC0415

    configure_logs("mps", "info")
    try:
        code = asyncio.run(_run(OwnDaemon(Folders(pipes, logs), os.environ, is_private=False)))
    except DaemonFailed as error:
        raise _failed(str(error)) from error
    if code:
        raise _failed(f"the daemon {describe_exit(code)}")


def status(pipes: Pipes = DEFAULT_PIPES) -> None:
    """Show the daemon's servers and their clients; ends with 1 if no daemon answers."""
    try:
        rows = asyncio.run(_rows(pipes))
    except NoAnswer as error:
        raise _failed(str(error)) from error
    table = Table(title=f"MPS daemon at {pipes}", title_justify="left")
    for column in ("server", "state", "client", "command"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


def stop(pipes: Pipes = DEFAULT_PIPES) -> None:
    """Have the daemon quit, and its servers with it."""
    try:
        asyncio.run(ask(pipes, "quit", _QUIT_LIMIT_S))
    except NoAnswer as error:
        raise _failed(str(error)) from error


async def _run(daemon: OwnDaemon) -> int:
    """Until a stop signal, or until it is gone: its exit code."""
    # First of all: a signal must not end this process and leave the daemon.
    told = asyncio.create_task(wait_for_stop_signal(), name="signals")
    try:
        await daemon.start()
        gone = asyncio.create_task(daemon.wait(), name="daemon")
        notify_ready()
        await asyncio.wait({told, gone}, return_when=asyncio.FIRST_COMPLETED)
        await daemon.stop()
        code = await gone
        return 0 if told.done() else code
    finally:
        told.cancel()


async def _rows(pipes: Path) -> list[tuple[str, str, str, str]]:
    rows = []
    for server in await servers(pipes):
        state = " ".join((await ask(pipes, f"get_server_status {server}")).split())
        found = await clients(pipes, server)
        rows += [(str(server), state, str(client), _command(client)) for client in found]
        rows += [] if found else [(str(server), state, "-", "-")]
    return rows


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "-"


def _failed(message: str) -> typer.Exit:
    typer.echo(f"voxshard mps: {message}", err=True)
    return typer.Exit(_FAILED)
