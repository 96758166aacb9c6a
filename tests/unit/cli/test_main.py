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


def test_flags_of_the_worker_go_not_in_front_of_prepare() -> None:
    result = CliRunner().invoke(app, ["worker", "--workers", "3", "prepare", "model"])
    assert result.exit_code == 2
    assert "--workers" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/no/model"], "there is no model folder /no/model, and an id at a hub looks like OWNER/NAME"),
        (
            ["/no/model", "--engine", "moonshine"],
            "engine moonshine needs no preparation; these do: fun-asr-nano",
        ),
    ],
)
def test_prepare_that_cannot_begin_says_why_in_one_line(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, ["worker", "prepare", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"voxshard worker prepare: {sentence}\n"


def test_prepare_takes_settings_from_variables_too() -> None:
    runner = CliRunner(env={"VOXSHARD_HUB": "elsewhere", "COLUMNS": "200"})
    result = runner.invoke(app, ["worker", "prepare", "/no/model"])
    assert result.exit_code == 2
    assert "hub" in result.stderr
