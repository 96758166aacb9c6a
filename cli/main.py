"""The console script `voxshard`.

Commands import what they run when they run: `voxshard stream` starts quickly and needs the client extra
only, on Windows and macOS too.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cli.drain import drain, rolling_restart
from cli.key import new
from cli.mps import start as start_mps
from cli.mps import status as mps_status
from cli.mps import stop as stop_mps
from cli.nginx import nginx_config
from cli.options import with_settings, with_source
from cli.prepare import prepare
from cli.reload import reload
from cli.status import status
from cli.stream import stream
from common.settings import Settings
from common.settings_source import SettingsSource

app = typer.Typer(
    help="Sharded real-time speech recognition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_INDEX = typer.Option(min=0, help="number of this process among its kind, from 0")
Index = Annotated[int, _INDEX]
IndexIfAlone = Annotated[int | None, _INDEX]


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
@with_source
def serve(source: SettingsSource) -> None:
    """Run the whole system on this machine: workers, gateways, and the supervisor that watches them."""
    from cli.serve import serve as run  # noqa: PLC0415

    run(source)


@app.command()
@with_source
def doctor(
    source: SettingsSource,
    as_json: Annotated[bool, typer.Option("--json", help="print findings as JSON")] = False,
) -> None:
    """Look for what would keep `serve` with the same settings from running, and say what to do about it."""
    from cli.doctor.command import run  # noqa: PLC0415

    run(source, as_json=as_json)


worker_app = typer.Typer(invoke_without_command=True)
app.add_typer(worker_app, name="worker")


@worker_app.callback()
@with_settings
def worker(settings: Settings, context: typer.Context, index: IndexIfAlone = None) -> None:
    """Run one worker process by hand."""
    if context.invoked_subcommand is not None:
        _refuse_flags(context)
        return
    if index is None:
        raise typer.BadParameter("missing", param_hint="--index")
    from worker.process import run  # noqa: PLC0415

    run(settings, index)


worker_app.command()(prepare)


def _refuse_flags(context: typer.Context) -> None:
    """They would be read by nobody."""
    given = [f"--{name.replace('_', '-')}" for name, value in context.params.items() if value is not None]
    if given:
        raise typer.BadParameter(
            f"flags of `worker {context.invoked_subcommand}` go behind it", param_hint=", ".join(given)
        )


@app.command()
@with_settings
def gateway(settings: Settings, index: Index) -> None:
    """Run one gateway process by hand."""
    from gateway.process import run  # noqa: PLC0415

    run(settings, index)


key_app = typer.Typer(no_args_is_help=True, help="API keys of tenants.")
app.add_typer(key_app, name="key")
key_app.command("new")(new)

mps_app = typer.Typer(no_args_is_help=True, help="CUDA's MPS daemon, without `serve`.")
app.add_typer(mps_app, name="mps")
mps_app.command("start")(start_mps)
mps_app.command("status")(mps_status)
mps_app.command("stop")(stop_mps)

app.command()(drain)
app.command()(with_settings(nginx_config))
app.command()(rolling_restart)
app.command()(reload)
app.command()(status)
app.command()(stream)
