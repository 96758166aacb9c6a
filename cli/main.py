"""The console script `voxshard`.

Commands import what they run when they run: `voxshard stream` starts quickly and needs the client extra
only, on Windows and macOS too.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cli.options import with_settings
from cli.status import status
from cli.stream import stream
from common.settings import Settings

app = typer.Typer(
    help="Sharded real-time speech recognition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Index = Annotated[int, typer.Option(min=0, help="number of this process among its kind, from 0")]


def main() -> None:
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("voxshard"))
        raise typer.Exit


@app.callback()
def _every_command(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="print the version and end"),
    ] = False,
) -> None:
    pass


@app.command()
@with_settings
def serve(settings: Settings) -> None:
    """Run the whole system on this machine: workers, gateways, and the supervisor that watches them."""
    from cli.serve import serve as run  # noqa: PLC0415

    run(settings)


@app.command()
@with_settings
def worker(settings: Settings, index: Index) -> None:
    """Run one worker process by hand."""
    from worker.process import run  # noqa: PLC0415

    run(settings, index)


@app.command()
@with_settings
def gateway(settings: Settings, index: Index) -> None:
    """Run one gateway process by hand."""
    from gateway.process import run  # noqa: PLC0415

    run(settings, index)


app.command()(status)
app.command()(stream)
