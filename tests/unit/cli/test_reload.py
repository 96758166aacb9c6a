from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.pid_space import pid_space
from cli.supervisor.reload import ReloadView
from common.ops_server import OpsServer, json_reply
from tests.support.ports import free_ports


@dataclass
class FakeSupervisor:
    """This very process, which counts its signals and tells what a test wants."""

    url: str
    view: ReloadView
    outcome: ReloadView

    def signalled(self, *_: Any) -> None:
        self.view = msgspec.structs.replace(self.outcome, reloads=self.view.reloads + 1)


@pytest.fixture
def supervisor() -> Iterator[FakeSupervisor]:
    [port] = free_ports(1)
    idle = ReloadView(os.getpid(), pid_space())
    fake = FakeSupervisor(f"http://127.0.0.1:{port}", idle, idle)
    before = signal.signal(signal.SIGHUP, fake.signalled)
    server = OpsServer("127.0.0.1", port, {"/reloads": lambda: json_reply(fake.view)})
    server.start()
    yield fake
    server.close()
    signal.signal(signal.SIGHUP, before)


def run(url: str) -> Result:
    return CliRunner().invoke(app, ["reload", "--supervisor", url])


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (
            {"live": ("max_speaking", "log_level"), "rolling": ("capacity",), "restart": ("port",)},
            [
                "in force now: max_speaking, log_level",
                "in force after `voxshard rolling-restart --gateways`: capacity",
                "in force after a new start of `voxshard serve`: port",
            ],
        ),
        ({}, ["no setting has changed; the files that they name were read again"]),
    ],
)
def test_what_has_changed_is_told_by_how_far_it_reaches(
    supervisor: FakeSupervisor, outcome: dict[str, Any], lines: list[str]
) -> None:
    supervisor.outcome = msgspec.structs.replace(supervisor.outcome, **outcome)
    result = run(supervisor.url)
    assert (result.exit_code, result.stdout.splitlines()) == (0, lines)


def test_settings_that_are_refused_end_with_1_and_the_cause(supervisor: FakeSupervisor) -> None:
    supervisor.outcome = msgspec.structs.replace(supervisor.outcome, error="workers: too many")
    result = run(supervisor.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "voxshard: nothing is changed: workers: too many\n"


def test_a_supervisor_that_cannot_be_told_ends_with_1(supervisor: FakeSupervisor) -> None:
    supervisor.view = msgspec.structs.replace(supervisor.view, pid=2**22 + 1)
    result = run(supervisor.url)
    assert result.exit_code == 1
    assert "cannot be told: No such process" in result.stderr


@pytest.mark.parametrize("theirs", ["another-boot/4026531836", None])
def test_a_supervisor_of_another_host_or_container_is_never_told(
    supervisor: FakeSupervisor, theirs: str | None
) -> None:
    """Its number is that of this process here."""
    supervisor.view = msgspec.structs.replace(supervisor.view, pid_space=theirs)
    result = run(supervisor.url)
    assert (result.exit_code, supervisor.view.reloads) == (1, 0)
    assert result.stderr == (
        f"voxshard: the processes of {supervisor.url} are not those of this host and container:"
        " give the command where that supervisor runs\n"
    )


def test_nobody_there_ends_with_1() -> None:
    [port] = free_ports(1)
    result = run(f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert "no answer from" in result.stderr
