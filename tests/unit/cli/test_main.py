from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.children import ROOT

SERVER_ONLY = ("fastapi", "uvicorn", "uvloop", "onnxruntime", "cli.supervisor")


def test_version_is_that_of_the_distribution() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, version("voxshard") + "\n")


def test_all_commands_are_listed() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("serve", "status", "stream", "worker", "gateway"):
        assert f" {command} " in result.stdout


def test_starting_the_command_line_needs_nothing_of_the_server() -> None:
    code = f"import cli.main, sys; print([name for name in {SERVER_ONLY!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("command", ["worker", "gateway"])
@pytest.mark.parametrize("arguments", [[], ["--index", "-1"], ["--index", "first"]])
def test_one_process_by_hand_needs_its_index(command: str, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, [command, *arguments])
    assert result.exit_code == 2
    assert "--index" in result.stderr
