from __future__ import annotations

import sys
from pathlib import Path

import pytest

from common.child import ChildArguments, child_arguments
from common.settings import load_settings


def test_index_and_settings_come_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"workers": 5, "run_dir": tmp_path}, {})
    file = tmp_path / "settings.json"
    file.write_text(settings.model_dump_json())
    monkeypatch.setattr(sys, "argv", ["worker", "--index", "3", "--settings", str(file)])
    assert child_arguments("worker") == ChildArguments(3, settings)


@pytest.mark.parametrize(
    "arguments", [[], ["--index", "1"], ["--index", "one", "--settings", "s"], ["--settings", "s"]]
)
def test_a_command_line_without_both_is_refused_with_the_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gateway", *arguments])
    with pytest.raises(SystemExit):
        child_arguments("gateway")
    assert "usage: python -m gateway --index INDEX --settings SETTINGS" in capsys.readouterr().err.replace(
        "[-h] ", ""
    )
