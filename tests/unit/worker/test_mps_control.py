from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.aio import run
from worker import mps_control
from worker.mps_control import (
    CONTROL,
    PIPES_VARIABLE,
    NoAnswer,
    ask,
    clients,
    configured_pipes,
    parse_pids,
    servers,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MPS is Linux' own")


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a control program in the way that runs a script of /bin/sh; gives a folder of pipes."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> Path:
        program = tmp_path / CONTROL
        program.write_text(f"#!/bin/sh\nread -r command\n{script}\n")
        program.chmod(0o755)
        return tmp_path

    return install


def test_a_command_goes_to_the_daemon_of_this_folder(control: Callable[[str], Path]) -> None:
    pipes = control(f'echo "${PIPES_VARIABLE} $command"')
    assert run(ask(pipes, "get_server_list")) == f"{pipes} get_server_list\n"


def test_servers_and_their_clients_are_process_ids(control: Callable[[str], Path]) -> None:
    pipes = control("case $command in get_server_list) echo 71;; 'get_client_list 71') echo 5; echo 6;; esac")
    assert run(servers(pipes)) == [71]
    assert run(clients(pipes, 71)) == [5, 6]


def test_a_warning_beside_the_answer_is_no_trouble(control: Callable[[str], Path]) -> None:
    assert run(servers(control("echo 'a warning' >&2; echo 71"))) == [71]


@pytest.mark.parametrize("ending", ["; exit 1", ">&2; exit 1", "; exit 0"])
def test_a_daemon_that_is_gone(ending: str, control: Callable[[str], Path]) -> None:
    with pytest.raises(NoAnswer, match=f"^{CONTROL}: Cannot find MPS control daemon process$"):
        run(servers(control(f"echo 'Cannot find MPS control daemon process' {ending}")))


def test_a_daemon_that_does_not_answer_is_not_waited_for(control: Callable[[str], Path]) -> None:
    with pytest.raises(NoAnswer, match=r"did not answer within 0\.1 s"):
        run(ask(control("exec sleep 60"), "quit", 0.1))


def test_a_host_without_the_control_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAnswer, match=f"cannot be asked: {CONTROL}: No such file"):
        run(servers(tmp_path))


def test_a_question_that_is_given_up_leaves_no_process(
    tmp_path: Path, control: Callable[[str], Path]
) -> None:
    pid_file = tmp_path / "pid"
    pipes = control(f"echo $$ >{pid_file}; exec sleep 60")

    async def scenario() -> None:
        asking = asyncio.create_task(ask(pipes, "quit", 60))
        while not pid_file.exists() or not pid_file.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    run(scenario())
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()


def test_where_a_daemon_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mps_control, "DEFAULT_PIPES", tmp_path)
    assert configured_pipes({PIPES_VARIABLE: "/run/mps"}) == Path("/run/mps")
    assert configured_pipes({PIPES_VARIABLE: ""}) is None
    (tmp_path / "control").touch()
    assert configured_pipes({}) == tmp_path


def test_a_folder_that_is_another_users_alone_is_no_daemon_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(mps_control, "DEFAULT_PIPES", tmp_path)
    monkeypatch.setattr(os, "stat", forbidden)
    assert configured_pipes({}) is None


@pytest.mark.parametrize(
    ("output", "pids"), [("", []), ("\n", []), ("12\n", [12]), ("12 \r\n 345", [12, 345])]
)
def test_answers(output: str, pids: list[int]) -> None:
    assert parse_pids(output) == pids


def test_an_answer_that_is_no_list_of_ids_is_shown() -> None:
    with pytest.raises(NoAnswer, match="Server 12 is not found"):
        parse_pids("Server 12\nis not  found\n")
