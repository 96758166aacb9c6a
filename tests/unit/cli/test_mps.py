"""The daemon is played by a program of the same name, see `tests/support/fake_mps`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.card_engine import with_fake_mps
from tests.support.children import ROOT
from tests.support.processes import wait_until

# A process has to start, and the machine may be busy.
WITHIN_S = 30.0
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MPS is Linux' own")


@pytest.fixture
def pipes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", with_fake_mps()["PATH"])
    with tempfile.TemporaryDirectory(prefix="vs-") as folder:
        yield Path(folder) / "pipes"


def told(command: str, pipes: Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["mps", command, "--pipes", str(pipes)])


@contextmanager
def started(pipes: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`voxshard mps start`."""
    folders = ("--pipes", str(pipes), "--logs", str(pipes.with_name("logs")))
    argv = [sys.executable, "-c", "from cli.main import main; main()", "mps", "start", *folders]
    with subprocess.Popen(
        argv, cwd=ROOT, env=os.environ | environ, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_there(pipes: Path) -> bool:
    return told("status", pipes).exit_code == 0


def test_it_runs_in_the_foreground_until_a_signal(pipes: Path) -> None:
    with started(pipes) as process:
        wait_until(lambda: is_there(pipes), WITHIN_S, "the daemon answers")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    assert not is_there(pipes)


def test_status_shows_servers_and_clients(pipes: Path) -> None:
    with started(pipes):
        wait_until(lambda: is_there(pipes), WITHIN_S, "the daemon answers")
        (pipes / f"client-{os.getpid()}").touch()
        result = told("status", pipes)
        # The command may take several lines.
        row = next(line.split("│") for line in result.stdout.splitlines() if line.startswith("│"))
        assert [cell.strip() for cell in row][1:4] == ["71", "ACTIVE", str(os.getpid())]
        assert Path(sys.executable).name in row[4]


def test_stop_makes_it_quit_and_whoever_runs_it_ends_well(pipes: Path) -> None:
    with started(pipes) as process:
        assert process.stderr is not None
        # Others may hear of it sooner, and it could be gone before its command has.
        assert any("MPS daemon started" in line for line in process.stderr)
        assert told("stop", pipes).exit_code == 0
        assert process.wait(WITHIN_S) == 0


def test_one_that_dies_ends_the_command_with_1(pipes: Path) -> None:
    with started(pipes) as process:
        wait_until(lambda: is_there(pipes), WITHIN_S, "the daemon answers")
        os.kill(int((pipes / "pid").read_text()), signal.SIGKILL)
        _, stderr = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1
    # It may have died while the command still asked whether it is there.
    assert "was ended by SIGKILL" in stderr.splitlines()[-1]


def test_one_that_cannot_start_is_one_line_and_exit_code_1(pipes: Path) -> None:
    with started(pipes, FAKE_MPS="broken") as process:
        _, stderr = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1
    assert stderr == "voxshard mps: exited with code 1; it said: Failed to start: no card\n"


@pytest.mark.parametrize("command", ["status", "stop"])
def test_where_none_is_that_is_one_line_and_exit_code_1(command: str, pipes: Path) -> None:
    pipes.mkdir()
    result = told(command, pipes)
    assert result.exit_code == 1
    assert result.stderr == (
        "voxshard mps: nvidia-cuda-mps-control: Cannot find MPS control daemon process\n"
    )
