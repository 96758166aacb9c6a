from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import engine
from bench.__main__ import main
from bench.engine_flags import PeerFlags, parse_engine_flags
from bench.engine_job import Job, Report
from bench.engine_processes import MeasuringFailed, measure_in_process
from bench.engine_record import MIXED, PEER, ModelRow, WholeRow

_ROWS = {
    "running": Report(
        model=[ModelRow(8, 1, 10, 1.0, 5.0, 6.0)],
        whole=[WholeRow("voxshard", MIXED, 128, 5, 40.0, 1.0, 1.0, 160, 0)],
    ),
    "peer": Report(whole=[WholeRow(PEER, MIXED, None, 5, 40.0, 4.0, 4.0, 160, 0)]),
}


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Job]]:
    """Processes that write their rows at once; that of the encoder breaks."""
    begun: list[tuple[str, Job]] = []

    def measure(name: str, job: Job, _: PeerFlags, report: Path) -> None:
        begun.append((name, job))
        if name not in _ROWS:
            raise MeasuringFailed("ended with 1\nlast words")
        report.write_bytes(msgspec.json.encode(_ROWS[name]))

    monkeypatch.setattr(engine, "measure_in_process", measure)
    return begun


def written(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(file.read_text())
    return read


def test_figures_of_all_processes_are_in_one_record(
    jobs: list[tuple[str, Job]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "engine.json"
    arguments = ["engine", "whole", "peer", "model", "--model", "m", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    main()
    assert [(name, job.sections) for name, job in jobs] == [
        ("running", ("model", "whole")),
        ("peer", ("peer",)),
    ]
    assert written(output)["header"]["command"].startswith("python -m bench engine whole")
    assert [row["engine"] for row in written(output)["result"]["whole"]] == ["voxshard", PEER]
    assert written(output)["result"]["setup"]["note"] == "random weights"
    assert "4.000" in capsys.readouterr().out


def test_process_that_fails_is_told_and_the_others_are_measured(
    jobs: list[tuple[str, Job]], tmp_path: Path
) -> None:
    output = tmp_path / "engine.json"
    with pytest.raises(SystemExit) as ended:
        engine.main(["encoder", "model", "--model", "m", "--output", str(output)])
    assert "last words" in str(ended.value.code)
    assert [name for name, _ in jobs] == ["encoder", "running"]
    result = written(output)["result"]
    assert result["left_out"] == ["encoder: ended with 1"]
    assert len(result["model"]) == 1


def test_process_that_breaks_is_a_failure(tmp_path: Path) -> None:
    flags = parse_engine_flags(["--model", "m"])
    job = Job(("none",), flags.engine, flags.cells, time.monotonic() + 30, peer_memory=0.8)
    with pytest.raises(MeasuringFailed, match="ended with 1"):
        measure_in_process("no such program", job, flags.peer, tmp_path / "report.json")


def test_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.engine_processes._GRACE_S", 0.05)
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nsleep 60\n")
    sleeper.chmod(0o700)
    flags = parse_engine_flags(["--model", "m", "--peer-python", str(sleeper)])
    job = Job(("peer",), flags.engine, flags.cells, time.monotonic(), peer_memory=0.8)
    with pytest.raises(MeasuringFailed, match="did not end"):
        measure_in_process("peer", job, flags.peer, tmp_path / "report.json")
