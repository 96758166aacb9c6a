from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from common.process import end_with_parent, import_giving_way, wait_for_stop_signal
from tests.support.aio import run, turns
from tests.support.children import has_ended

# A parent that starts a child and dies once it is up; the child must end although nobody tells it to.
ORPHANING: Final = """
import os, signal, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1], str(os.getpid())],
    stdout=subprocess.PIPE,
)
child.stdout.readline()
os.write(1, str(child.pid).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""
_IMPORTS: Final = (
    "import os, signal, sys; from common.process import end_with_parent; parent = int(sys.argv[1])"
)
_UP: Final = "print('up', flush=True)"
ORPHANED_LATER: Final = f"{_IMPORTS}; end_with_parent(parent); {_UP}; signal.pause()"
ORPHANED_WHILE_IMPORTING: Final = f"""
{_IMPORTS}
{_UP}
while os.getppid() == parent:
    pass
end_with_parent(parent)
signal.pause()
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
    end_with_parent(os.getppid())
    assert library.calls == [(1, signal.SIGTERM)]


def test_a_parent_that_is_gone_already_ends_the_child_at_once(
    library: SpyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(SystemExit, match="supervisor died"):
        end_with_parent(4711)


def test_other_systems_are_left_alone(library: SpyLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    end_with_parent(os.getppid())
    assert library.calls == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's promise is Linux' own")
@pytest.mark.parametrize("code", [ORPHANED_LATER, ORPHANED_WHILE_IMPORTING])
def test_a_killed_parent_leaves_no_child_behind(code: str) -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANING, code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.read())
    try:
        assert has_ended(child, within_s=5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_stop_signal_is_enough(number: signal.Signals) -> None:
    async def scenario() -> None:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(wait_for_stop_signal())
            await turns()
            assert not waiting.done()
            os.kill(os.getpid(), number)

    run(scenario())


def test_of_two_signals_at_once_the_first_counts_and_the_next_one_is_waited_for_anew() -> None:
    async def scenario() -> None:
        waiting = asyncio.create_task(wait_for_stop_signal())
        await turns()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert await waiting is signal.SIGTERM
        again = asyncio.create_task(wait_for_stop_signal())
        await turns()
        os.kill(os.getpid(), signal.SIGINT)
        assert await again is signal.SIGINT

    run(scenario())


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "slow_to_import.py"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have no priorities of their own")
def test_an_import_gives_way_and_whoever_waits_for_it_does_not(module: Path) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    module.write_text("import os\npriority = os.getpriority(os.PRIO_PROCESS, 0)\n")
    import_giving_way("slow_to_import")
    assert sys.modules.pop("slow_to_import").priority == 10
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_where_threads_have_no_priorities_an_import_gives_no_way(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    module.write_text("import os\npriority = os.getpriority(os.PRIO_PROCESS, 0)\n")
    import_giving_way("slow_to_import")
    assert sys.modules.pop("slow_to_import").priority == os.getpriority(os.PRIO_PROCESS, 0)


def test_what_an_import_raises_is_raised(module: Path) -> None:
    module.write_text("raise LookupError('half of it')\n")
    with pytest.raises(LookupError, match="half of it"):
        import_giving_way("slow_to_import")
