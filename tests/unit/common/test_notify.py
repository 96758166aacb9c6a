from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from common.notify import notify_alive, notify_ready


def received(address: str) -> bytes:
    """The datagram that `notify_ready` sends to a listener at `address`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(5)
        notify_ready()
        return listener.recv(1_000)


def test_ready_is_said_with_the_pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", "notify.sock")
    assert received("notify.sock") == f"READY=1\nMAINPID={os.getpid()}".encode()


def test_a_leading_at_sign_means_the_abstract_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"voxshard-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    assert received(f"\0{name}").startswith(b"READY=1\n")


@pytest.mark.parametrize("given", [None, ""])
def test_nothing_is_sent_when_nobody_asked(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*arguments: object) -> socket.socket:
        raise AssertionError("a socket was made")

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if given is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", given)
    monkeypatch.setattr("socket.socket", no_socket)
    notify_ready()


def test_a_listener_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with pytest.raises(OSError, match="No such file"):
        notify_ready()


def test_a_sign_of_life_has_the_pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify.sock"))
        listener.settimeout(5)
        notify_alive()
        assert listener.recv(1_000) == f"WATCHDOG=1\nMAINPID={os.getpid()}".encode()


def test_a_listener_that_reads_nothing_holds_no_sign_of_life_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify.sock"))
        # More than Linux keeps for a socket anywhere: net.unix.max_dgram_qlen is 10, or 512 with systemd.
        for _ in range(2_000):
            notify_alive()
        listener.setblocking(False)
        kept = 0
        with pytest.raises(BlockingIOError):
            while listener.recv(1_000):
                kept += 1
    assert 0 < kept < 2_000


def test_a_sign_of_life_that_nobody_takes_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify_alive()
