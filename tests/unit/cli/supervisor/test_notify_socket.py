from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from cli.supervisor.notify_socket import Message, NotifySocket, open_notify_socket, parsed
from common.notify import notify_alive, notify_ready
from tests.support.children import wait_until


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (b"READY=1\nMAINPID=42", Message(42, ready=True)),
        (b"MAINPID=42\nSTATUS=warm\nREADY=1\n", Message(42, ready=True)),
        (b"WATCHDOG=1\nMAINPID=42", Message(42, ready=False)),
        (b"READY=1\nWATCHDOG=1\nMAINPID=42", Message(42, ready=True)),
        (b"WATCHDOG=trigger\nMAINPID=42", None),
        (b"WATCHDOG=1", None),
        (b"READY=1", None),
        (b"MAINPID=42", None),
        (b"READY=0\nMAINPID=42", None),
        (b"READY=1\nMAINPID=-42", None),
        (b"READY=1\nMAINPID=four", None),
        ("READY=1\nMAINPID=²".encode(), None),
        (b"\xff\x00=\n==", None),
        (b"", None),
    ],
)
def test_only_the_two_words_with_a_pid_count(datagram: bytes, message: Message | None) -> None:
    assert parsed(datagram) == message


def test_notify_ready_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify.sock"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))

    async def scenario() -> bool:
        async with open_notify_socket(path) as notify, asyncio.timeout(5):
            notify_ready()
            await notify.wait_ready(os.getpid())
            return notify.is_ready(os.getpid())

    assert asyncio.run(scenario())


def test_socket_of_a_killed_supervisor_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_over:
        left_over.bind(str(path))

    async def scenario() -> None:
        async with open_notify_socket(path):
            pass

    asyncio.run(scenario())


def test_child_may_speak_before_anybody_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        notify = NotifySocket(tmp_path)
        notify.received(b"READY=1\nMAINPID=42")
        async with asyncio.timeout(1):
            await notify.wait_ready(42)

    asyncio.run(scenario())


def test_forgotten_pid_is_not_ready(tmp_path: Path) -> None:
    notify = NotifySocket(tmp_path)
    notify.received(b"READY=1\nMAINPID=42")
    assert notify.is_ready(42)
    notify.forget(42)
    assert not notify.is_ready(42)


def test_a_child_has_spoken_since_it_was_asked_about_last(tmp_path: Path) -> None:
    notify = NotifySocket(tmp_path)
    notify.received(b"READY=1\nMAINPID=42")
    assert [notify.has_spoken(42), notify.has_spoken(42)] == [True, False]
    notify.received(b"WATCHDOG=1\nMAINPID=42")
    assert [notify.has_spoken(42), notify.has_spoken(42)] == [True, False]


def test_nobody_becomes_known_or_ready_by_being_alive(tmp_path: Path) -> None:
    notify = NotifySocket(tmp_path)
    notify.received(b"WATCHDOG=1\nMAINPID=42")
    assert not notify.has_spoken(42)
    assert not notify.is_ready(42)


def test_notify_alive_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify.sock"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))

    async def scenario() -> None:
        async with open_notify_socket(path) as notify, asyncio.timeout(5):
            notify_ready()
            await notify.wait_ready(os.getpid())
            assert notify.has_spoken(os.getpid())
            notify_alive()
            await wait_until(lambda: notify.has_spoken(os.getpid()))

    asyncio.run(scenario())


def test_flood_of_pids_is_bounded_and_known_ones_still_count(tmp_path: Path) -> None:
    async def scenario() -> tuple[bool, bool]:
        notify = NotifySocket(tmp_path)
        waiting = asyncio.create_task(notify.wait_ready(1))
        await asyncio.sleep(0)
        for pid in range(2, 2_000):
            notify.received(b"READY=1\nMAINPID=%d" % pid)
        notify.received(b"READY=1\nMAINPID=1")
        await waiting
        return notify.is_ready(1), notify.is_ready(1_999)

    assert asyncio.run(scenario()) == (True, False)
