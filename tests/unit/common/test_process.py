from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from typing import Final

import pytest

from common.process import end_with_parent, wait_for_stop_signal
from tests.support.aio import run, turns

# A parent that starts a child and dies at once; the child must end although nobody tells it to.
ORPHAN: Final = """
import os, signal, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "from common.process import end_with_parent; end_with_parent();"
     "print('up', flush=True); import signal; signal.pause()"],
    stdout=subprocess.PIPE,
)
child.stdout.readline()
os.write(1, str(child.pid).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


class SpyLibrary:
    """Stands for the C library."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int) -> int:
        self.calls.append((option, value))
        return 0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SpyLibrary:
    library = SpyLibrary()

    def load(name: str | None, use_errno: bool) -> SpyLibrary:
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    return library


def test_the_kernel_is_asked_for_sigterm_at_the_parents_death(library: SpyLibrary) -> None:
    end_with_parent()
    assert library.calls == [(1, signal.SIGTERM)]


def test_a_parent_that_died_in_between_ends_the_child_at_once(
    library: SpyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = iter([4711, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    with pytest.raises(SystemExit, match="supervisor died"):
        end_with_parent()


def test_other_systems_are_left_alone(library: SpyLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    end_with_parent()
    assert library.calls == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's promise is Linux' own")
def test_a_killed_parent_leaves_no_child_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.read())
    try:
        assert has_ended(child, within_s=5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def has_ended(pid: int, within_s: float) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within_s)[0])
    finally:
        os.close(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_stop_signal_is_enough(number: signal.Signals) -> None:
    async def scenario() -> None:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(wait_for_stop_signal())
            await turns()
            assert not waiting.done()
            os.kill(os.getpid(), number)

    run(scenario())
