"""`voxshard status`: what the workers and gateways of a running system are doing."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from common.ops_client import FetchFailed, fetch_text

_TIMEOUT_S: Final = 5.0


class WorkerRow(msgspec.Struct, frozen=True):
    id: str | int
    pid: int | None
    state: str
    gpu: str | int | None
    sessions: int
    speaking: int
    lag_ms: float | None
    metrics_url: str | None


class GatewayRow(msgspec.Struct, frozen=True):
    id: str | int
    pid: int | None
    state: str
    sessions: int
    metrics_url: str | None


class Status(msgspec.Struct, frozen=True):
    workers: tuple[WorkerRow, ...]
    gateways: tuple[GatewayRow, ...]


def status(
    as_json: Annotated[bool, typer.Option("--json", help="print the server's JSON as it is")] = False,
    server: Annotated[str, typer.Option(help="HTTP address of a gateway")] = "http://127.0.0.1:8899",
) -> None:
    """Show the workers and gateways of a running system."""
    try:
        body = fetch_text(server.rstrip("/") + "/workers", _TIMEOUT_S)
        if as_json:
            print(body)
            return
        _show(msgspec.json.decode(body, type=Status))
    except FetchFailed as error:
        raise _failed(f"no answer from {error}") from error
    except msgspec.DecodeError as error:
        raise _failed(f"{server} answers, but not with a list of workers") from error


def _show(shown: Status) -> None:
    # No markup and no highlighting: ids come from elsewhere and are shown as they are.
    console = Console(markup=False, highlight=False)
    console.print(_table("workers", shown.workers, WorkerRow.__struct_fields__))
    console.print(_table("gateways", shown.gateways, GatewayRow.__struct_fields__))


def _table(
    title: str, rows: tuple[WorkerRow, ...] | tuple[GatewayRow, ...], columns: tuple[str, ...]
) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(getattr(row, column)) for column in columns))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _failed(message: str) -> typer.Exit:
    typer.echo(f"voxshard status: {message}", err=True)
    return typer.Exit(1)
