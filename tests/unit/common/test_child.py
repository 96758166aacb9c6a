from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from common.child import child_arguments
from common.settings import load_settings
from tests.support.children import ROOT

# Larger than any process id of Linux.
NOBODY: Final = 2**22 + 1


def test_index_settings_and_parent_come_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"workers": 5, "run_dir": tmp_path}, {})
    file = tmp_path / "settings.json"
    file.write_text(settings.model_dump_json())
    argv = ["worker", "--index", "3", "--settings", str(file), "--parent", "4711"]
    monkeypatch.setattr(sys, "argv", argv)
    arguments = child_arguments("worker")
    assert (arguments.index, arguments.parent, arguments.incarnation) == (3, 4711, "")
    assert arguments.settings.settings == settings
    monkeypatch.setattr(sys, "argv", [*argv, "--incarnation", "5f"])
    assert child_arguments("worker").incarnation == "5f"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--settings", "s", "--parent", "1"],
        ["--index", "1", "--parent", "1"],
        ["--index", "1", "--settings", "s"],
        ["--index", "one", "--settings", "s", "--parent", "1"],
        ["--index", "1", "--settings", "s", "--parent", "one"],
    ],
)
def test_a_command_line_that_lacks_one_is_refused_with_the_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gateway", *arguments])
    with pytest.raises(SystemExit):
        child_arguments("gateway")
    usage = "usage: python -m gateway --index INDEX --settings SETTINGS --parent PARENT"
    assert usage in " ".join(capsys.readouterr().err.replace("[-h] ", "").split())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not look at the parent")
@pytest.mark.parametrize("program", ["worker", "gateway"])
def test_child_whose_supervisor_is_gone_does_not_begin(program: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(load_settings({"run_dir": tmp_path}, {}).model_dump_json())
    arguments = ["--index", "0", "--settings", str(file), "--parent", str(NOBODY)]
    ended = subprocess.run(
        [sys.executable, "-m", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "the supervisor died while this process was starting\n")
