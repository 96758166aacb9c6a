from __future__ import annotations

import io
import json
import platform
from pathlib import Path

import msgspec
from rich.console import Console

from bench.report import Table, installed_versions, make_header, show, this_hardware, write_json


class Figures(msgspec.Struct, frozen=True):
    wer: float
    reason: str | None

    def tables(self) -> tuple[Table, ...]:
        rows = ((self.wer, self.reason, 7, True),)
        return (Table("figures", ("wer", "reason", "count", "same"), rows),)


HEADER = make_header("python -m bench wer", "2030-01-02T03:04:05+00:00", "ws://127.0.0.1:1")


def shown(figures: Figures) -> str:
    text = io.StringIO()
    show(HEADER, figures, Console(file=text, width=120))
    return text.getvalue()


def test_file_says_what_was_measured_and_where(tmp_path: Path) -> None:
    file = tmp_path / "wer.json"
    write_json(file, HEADER, Figures(0.0123, None))
    written = json.loads(file.read_text())
    assert written["result"] == {"wer": 0.0123, "reason": None}
    assert written["header"]["command"] == "python -m bench wer"
    assert written["header"]["date"] == "2030-01-02T03:04:05+00:00"
    assert written["header"]["server"] == "ws://127.0.0.1:1"
    assert written["header"]["hardware"]["cores"] >= 1
    assert written["header"]["versions"]["python"] == platform.python_version()


def test_cells_are_printed_for_people() -> None:
    row = next(line for line in shown(Figures(0.0123456, None)).splitlines() if "0.012" in line)
    assert row.replace("│", " ").split() == ["0.012", "–", "7", "yes"]


def test_brackets_in_a_cell_are_text_and_no_markup() -> None:
    assert "[bold]x[/bold]" in shown(Figures(0.0, "[bold]x[/bold]"))


def test_cpu_model_is_read_where_the_system_has_it(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Fast Chip: 3 GHz\nprocessor\t: 1\nmodel name\t: Other\n")
    assert this_hardware(info).cpu == "Fast Chip: 3 GHz"


def test_cpu_without_a_model_still_has_a_name(tmp_path: Path) -> None:
    assert this_hardware(tmp_path / "none").cpu


def test_packages_that_are_not_installed_have_no_version() -> None:
    versions = installed_versions()
    assert versions["voxshard"]
    assert all(versions.values())
