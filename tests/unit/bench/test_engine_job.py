from __future__ import annotations

from pathlib import Path

import pytest

from bench.engine_job import Notebook, Report
from bench.engine_record import Check, ModelRow

ROW = ModelRow(8, 1, 10, 1.0, 5.0, 6.0)


def test_what_was_measured_is_in_the_file_before_the_process_ends(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "report.json", deadline=10.0, clock=lambda: 0.0)
    notebook.report.model.append(ROW)
    notebook.save()
    assert Report.read(tmp_path / "report.json").model == [ROW]


def test_process_that_wrote_nothing_measured_nothing(tmp_path: Path) -> None:
    assert Report.read(tmp_path / "none.json") == Report()


def test_nothing_is_begun_after_the_deadline_and_that_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 9.0
    notebook = Notebook(tmp_path / "report.json", deadline=10.0, clock=lambda: now)
    assert notebook.has_time("first")
    assert "first" in capsys.readouterr().err
    now = 10.0
    assert not notebook.has_time("second")
    assert Report.read(tmp_path / "report.json").left_out == ["second"]


def test_reports_of_processes_add_up() -> None:
    report = Report(facts={"cuda": "1"}, model=[ROW])
    report.extend(Report(facts={"start": "2"}, checks=[Check("one", 0.0, 1.0)], left_out=["two"]))
    assert report.facts == {"cuda": "1", "start": "2"}
    assert (len(report.model), len(report.checks), report.left_out) == (1, 1, ["two"])
    assert Report().model == []
