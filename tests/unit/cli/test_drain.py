from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli import drain
from cli.main import app
from cli.pid_space import pid_space
from common.ops_client import FetchFailed

Row = dict[str, object]


def child(name: str, pid: int | None, state: str = "ready") -> Row:
    role, _, index = name.partition("-")
    return {"name": name, "role": role, "index": int(index), "state": state, "pid": pid, "restarts": 0}


class Host:
    """A supervisor that shows one list of children after the other, the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seen: list[Row]) -> None:
        self.signals: list[tuple[int, int]] = []
        self.page: Row = {"pid_space": pid_space()}
        self._seen = list(seen)
        monkeypatch.setattr(drain, "fetch_text", self._fetch)
        monkeypatch.setattr(drain, "POLL_S", 0.0)
        monkeypatch.setattr(os, "kill", self._kill)

    def _fetch(self, url: str, timeout_s: float) -> str:
        if not self._seen:
            raise FetchFailed(url, "Connection refused")
        rows = self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]
        return msgspec.json.encode(self.page | {"children": rows}).decode()

    def _kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))


def called(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


GATEWAY = child("gateway-0", 9)
BEFORE = [child("worker-0", 1), child("worker-1", 2), GATEWAY]


def lives() -> Iterator[list[Row]]:
    """Of worker 1: draining, gone, starting, ready."""
    for pid, state in ((2, "ready"), (None, "backing_off"), (3, "starting"), (3, "ready")):
        yield [child("worker-0", 1), child("worker-1", pid, state), GATEWAY]


def test_a_worker_is_told_to_stop_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, BEFORE, *lives())
    result = called("drain", "1")
    assert (result.exit_code, host.signals) == (0, [(2, signal.SIGTERM)])
    assert result.output.startswith("worker-1 ready again after ")


def test_all_workers_are_restarted_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first_back = [child("worker-0", 11), child("worker-1", 2), GATEWAY]
    both_back = [child("worker-0", 11), child("worker-1", 12), GATEWAY]
    host = Host(monkeypatch, BEFORE, BEFORE, first_back, first_back, both_back)
    result = called("rolling-restart")
    assert (result.exit_code, host.signals) == (0, [(1, signal.SIGTERM), (2, signal.SIGTERM)])
    assert [line.split()[0] for line in result.output.splitlines()] == ["worker-0", "worker-1"]


def test_a_gateway_is_named_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, BEFORE, [*BEFORE[:2], child("gateway-0", 19)])
    assert called("drain", "gateway-0").exit_code == 0
    assert host.signals == [(9, signal.SIGTERM)]


def test_gateways_follow_the_workers_if_they_are_to(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, gateway = child("worker-0", 1), child("gateway-0", 9)
    back = child("worker-0", 11)
    before, between = [worker, gateway], [back, gateway]
    host = Host(monkeypatch, before, before, between, between, between, [back, child("gateway-0", 19)])
    assert called("rolling-restart", "--gateways").exit_code == 0
    assert host.signals == [(1, signal.SIGTERM), (9, signal.SIGTERM)]


def test_a_process_that_was_started_anew_meanwhile_is_told_by_its_new_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first_back = [child("worker-0", 11), child("worker-1", 7), GATEWAY]
    host = Host(monkeypatch, BEFORE, BEFORE, first_back, first_back, [child("worker-1", 17)])
    assert called("rolling-restart").exit_code == 0
    assert host.signals == [(1, signal.SIGTERM), (7, signal.SIGTERM)]


@pytest.mark.parametrize("page", [{"pid_space": "another-boot/4026531836"}, {"pid_space": None}])
@pytest.mark.parametrize("arguments", [("drain", "1"), ("rolling-restart",)])
def test_processes_of_another_host_or_container_are_never_told(
    arguments: tuple[str, ...], page: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page names numbers that are processes of strangers here."""
    host = Host(monkeypatch, BEFORE)
    host.page = page
    result = called(*arguments)
    assert (result.exit_code, host.signals) == (1, [])
    assert result.output == (
        "voxshard: the processes of http://127.0.0.1:9600 are not those of this host and container:"
        " give the command where that supervisor runs\n"
    )


def test_a_page_that_does_not_say_whose_numbers_it_has_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, BEFORE)
    host.page = {}
    result = called("drain", "1")
    assert (result.exit_code, host.signals) == (1, [])
    assert "answers, but not with a list of children" in result.output


@pytest.mark.parametrize(
    ("seen", "arguments", "told"),
    [
        ([BEFORE], ("drain", "7"), "there is no worker-7; there are: worker-0, worker-1, gateway-0"),
        ([[child("worker-1", None, "backing_off")]], ("drain", "1"), "worker-1 does not run"),
        ([], ("drain", "1"), "no answer from http://127.0.0.1:9600/children: Connection refused"),
        ([], ("rolling-restart", "--supervisor", "http://h:1/"), "no answer from http://h:1/children"),
        ([BEFORE], ("drain", "1", "--within", "0"), "worker-1 was not ready again within 0 s"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    seen: list[list[Row]], arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Host(monkeypatch, *seen)
    result = called(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith(f"voxshard: {told}")
    assert len(result.output.splitlines()) == 1


def test_something_else_on_that_port_is_no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "fetch_text", lambda url, timeout_s: "<html>")
    assert "answers, but not with a list of children" in called("rolling-restart").output
