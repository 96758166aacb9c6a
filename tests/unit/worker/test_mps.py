from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.aio import run
from worker import mps
from worker.mps import CONTROL, NotAttached, check_attached, configured_pipes, parse_pids, yielding

Script = Callable[[str], dict[str, str]]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MPS is Linux' own")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts a control program in the way that runs a script of /bin/sh; gives the environment for it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> dict[str, str]:
        program = tmp_path / CONTROL
        program.write_text(f"#!/bin/sh\nread command\n{script}\n")
        program.chmod(0o755)
        return {"CUDA_MPS_PIPE_DIRECTORY": str(tmp_path)}

    return install


def answering(*clients: int) -> str:
    """Two servers, the clients at the second."""
    listed = "".join(f"{client}\\n" for client in clients)
    return f"""case "$command" in
        get_server_list) printf '71\\n72\\n' ;;
        'get_client_list 71') ;;
        'get_client_list 72') printf '{listed}' ;;
    esac"""


def test_a_client_among_others(daemon: Script) -> None:
    assert run(check_attached(daemon(answering(1, os.getpid()))))


def test_a_process_that_this_one_started_counts(daemon: Script) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert run(check_attached(daemon(answering(child.pid))))
        child.kill()


def test_others_alone_do_not_count(daemon: Script) -> None:
    with pytest.raises(NotAttached, match=r"not a client of the MPS daemon at .*; its clients are \[1\]"):
        run(check_attached(daemon(answering(1))))


def test_a_warning_beside_the_answer_is_no_trouble(daemon: Script) -> None:
    assert run(check_attached(daemon(f"echo 'a warning' >&2\n{answering(os.getpid())}")))


def test_a_daemon_without_any_client(daemon: Script) -> None:
    with pytest.raises(NotAttached, match="its clients are none"):
        run(check_attached(daemon("true")))


@pytest.mark.parametrize("ending", ["; exit 1", ">&2; exit 1", "; exit 0"])
def test_a_daemon_that_is_gone(ending: str, daemon: Script) -> None:
    gone = f"echo 'Cannot find MPS control daemon process' {ending}"
    with pytest.raises(NotAttached, match="Cannot find MPS control daemon process"):
        run(check_attached(daemon(gone)))


def test_a_daemon_that_does_not_answer_is_not_waited_for(
    daemon: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "_LIMIT_S", 0.1)
    with pytest.raises(NotAttached, match=r"did not answer within 0\.1 s"):
        run(check_attached(daemon("exec sleep 60")))


def test_a_host_without_the_control_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAttached, match="cannot be asked: nvidia-cuda-mps-control: No such file"):
        run(check_attached({"CUDA_MPS_PIPE_DIRECTORY": str(tmp_path)}))


def test_nobody_is_asked_where_no_daemon_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "_DEFAULT_PIPES", tmp_path)
    monkeypatch.setenv("PATH", "")
    assert not run(check_attached({}))


def test_where_a_daemon_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mps, "_DEFAULT_PIPES", tmp_path)
    assert configured_pipes({"CUDA_MPS_PIPE_DIRECTORY": "/run/mps"}) == Path("/run/mps")
    assert configured_pipes({"CUDA_MPS_PIPE_DIRECTORY": ""}) is None
    (tmp_path / "control").touch()
    assert configured_pipes({}) == tmp_path


@pytest.mark.parametrize(
    ("output", "pids"), [("", []), ("\n", []), ("12\n", [12]), ("12 \r\n 345", [12, 345])]
)
def test_answers(output: str, pids: list[int]) -> None:
    assert parse_pids(output) == pids


def test_an_answer_that_is_no_list_of_ids_is_shown() -> None:
    with pytest.raises(NotAttached, match="Server 12 is not found"):
        parse_pids("Server 12\nis not  found\n")


def test_what_yields_does_so_for_its_own_contexts_only() -> None:
    environ = {"HOME": "/"}
    with yielding(environ):
        assert environ["CUDA_MPS_CLIENT_PRIORITY"] == "1"
    assert environ == {"HOME": "/"}


def test_priorities_that_were_set_stay() -> None:
    environ = {"CUDA_MPS_CLIENT_PRIORITY": "0"}
    with yielding(environ):
        assert environ == {"CUDA_MPS_CLIENT_PRIORITY": "0"}
    assert environ == {"CUDA_MPS_CLIENT_PRIORITY": "0"}
