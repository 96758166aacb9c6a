"""`python -m bench engine SECTION...`: the engine alone, and FunASR's on the same checkpoint.

encoder  FunASR's forward, the worker's with its features, and whether all of them say the same.
model    the language model: requests per second by new tokens and by requests in flight.
whole    audio to text through the engine.
peer     the same clips through FunASR's engine.

Every process that measures has the machine to itself: memory of a card comes back only with the end of a
process. All that `encoder` compares runs in one.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.engine_flags import EngineFlags, parse_engine_flags
from bench.engine_job import Job, Report
from bench.engine_processes import MeasuringFailed, measure_in_process
from bench.engine_record import EngineResult, Setup
from bench.live_setup import gpus, model_versions
from bench.report import Header, make_header, show, write_json

# Sections that share a process, by the process's name.
PROCESSES: Final = {"encoder": ("encoder",), "running": ("model", "whole"), "peer": ("peer",)}
_LOG_WIDTH: Final = 170


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 when a process failed; the figures of the others are kept."""
    flags = parse_engine_flags(arguments)
    command = shlex.join(["python", "-m", "bench", "engine", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), "engine alone")
    setup = Setup(flags.engine.model, flags.note, gpus(), model_versions())
    deadline = time.monotonic() + flags.seconds_limit
    report, failures = Report(), []
    for process, own in PROCESSES.items():
        sections = tuple(section for section in own if section in flags.sections)
        if not sections:
            continue
        try:
            _measure(process, flags, _job(flags, sections, deadline), report)
        except MeasuringFailed as failure:
            report.left_out.append(f"{process}: {str(failure).splitlines()[0]}")
            failures.append(str(failure))
        _keep(flags.output, header, _result(setup, report))
    show(header, _result(setup, report), Console(width=None if sys.stdout.isatty() else _LOG_WIDTH))
    if failures:
        sys.exit("\n".join(failures))


def _measure(process: str, flags: EngineFlags, job: Job, report: Report) -> None:
    """Raises `MeasuringFailed`; what was measured before is in `report` all the same."""
    with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder:
        file = Path(folder) / "report.json"
        try:
            measure_in_process(process, job, flags.peer, file)
        finally:
            report.extend(Report.read(file))


def _job(flags: EngineFlags, sections: tuple[str, ...], deadline: float) -> Job:
    return Job(sections, flags.engine, flags.cells, deadline, flags.peer.memory)


def _result(setup: Setup, report: Report) -> EngineResult:
    versions = {**setup.versions, **report.facts}
    return EngineResult(
        Setup(setup.model, setup.note, setup.gpus, versions),
        tuple(report.encoder),
        tuple(report.checks),
        tuple(report.model),
        tuple(report.whole),
        tuple(report.left_out),
    )


def _keep(output: Path | None, header: Header, result: EngineResult) -> None:
    """After each process: a later one may never end."""
    if output is not None:
        write_json(output, header, result)
