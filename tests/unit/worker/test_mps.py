from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.settings import Settings
from tests.support.aio import run
from worker import mps_control
from worker.mps import NotAttached, check_attached, client_limits, yielding
from worker.mps_control import CONTROL, PIPES_VARIABLE

Script = Callable[[str], dict[str, str]]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MPS is Linux' own")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts a control program in the way that runs a script of /bin/sh; gives the environment for it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> dict[str, str]:
        program = tmp_path / CONTROL
        program.write_text(f"#!/bin/sh\nread -r command\n{script}\n")
        program.chmod(0o755)
        return {PIPES_VARIABLE: str(tmp_path)}

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


def test_a_daemon_without_any_client(daemon: Script) -> None:
    with pytest.raises(NotAttached, match="its clients are none"):
        run(check_attached(daemon("true")))


def test_a_daemon_that_is_gone(daemon: Script) -> None:
    with pytest.raises(NotAttached, match="Cannot find MPS control daemon process"):
        run(check_attached(daemon("echo 'Cannot find MPS control daemon process'; exit 1")))


def test_nobody_is_asked_where_no_daemon_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps_control, "DEFAULT_PIPES", tmp_path)
    monkeypatch.setenv("PATH", "")
    assert not run(check_attached({}))


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


def test_limits_are_variables_of_cuda_and_only_those_that_are_set() -> None:
    assert client_limits(Settings()) == {}
    assert client_limits(Settings(mps_memory_gib=4.5)) == {"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=4608M"}
    assert client_limits(Settings(mps_thread_percentage=40)) == {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "40"}
