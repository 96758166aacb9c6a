"""Runs the doctor and shows what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor.checks.settings import check_source
from cli.doctor.finding import Finding, Severity
from cli.doctor.gather import examine
from cli.doctor.topics import topics_for
from common.settings_errors import SettingsError, UnknownVariables
from common.settings_source import SettingsSource

_PROBLEMS: Final = 1
_STYLES: Final = {Severity.PROBLEM: "bold red", Severity.NOTE: "yellow"}


def run(source: SettingsSource, *, as_json: bool) -> None:
    """Print all findings. Ends with 1 if one of them is a problem."""
    findings = diagnose(source)
    problems = [finding for finding in findings if finding.severity is Severity.PROBLEM]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_report(findings, ok=not problems))).decode())
    else:
        _show(findings)
    if problems:
        raise typer.Exit(_PROBLEMS)


def diagnose(source: SettingsSource) -> list[Finding]:
    """Takes half a minute at most."""
    try:
        settings = source.load()
    except UnknownVariables as error:
        # Everything else can be looked at without them.
        known = {name: value for name, value in source.environ.items() if name not in error.names}
        return [check_source(error), *diagnose(SettingsSource(source.flags, known, source.config))]
    except SettingsError as error:
        return [check_source(error)]
    return examine(settings, list(topics_for(settings)))


def _report(findings: Sequence[Finding], *, ok: bool) -> dict[str, object]:
    rows = [{"severity": each.severity, **msgspec.structs.asdict(each)} for each in findings]
    return {"ok": ok, "findings": rows}


def _show(findings: Sequence[Finding]) -> None:
    # No markup and no highlighting: what was found is shown as it is.
    console = Console(markup=False, highlight=False)
    if not findings:
        console.print("nothing found that would keep Voxshard from running")
        return
    table = Table(show_lines=True, show_header=False)
    for finding in findings:
        told = f"{finding.found}\nso: {finding.means}\ndo: {finding.do}"
        style = _STYLES[finding.severity]
        table.add_row(
            Text(f"{finding.severity.value}\n{finding.cause.value}", style), Text(told, overflow="fold")
        )
    console.print(table)
