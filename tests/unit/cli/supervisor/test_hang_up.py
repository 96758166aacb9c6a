from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cli.supervisor.hang_up import has_terminal, obey_hang_ups
from tests.support import aio
from tests.support.children import ROOT

_CHILD = """
import asyncio, os, signal, sys
# Who has a session of its own is given the first terminal that it opens.
os.open(os.ttyname(0), os.O_RDWR)
from cli.supervisor.hang_up import obey_hang_ups
# Whatever these tests were started under themselves.
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
async def main():
    ends = asyncio.Event()
    task = asyncio.create_task(obey_hang_ups(lambda: sys.exit(7), ends.set))
    await asyncio.sleep(0)
    print("ready", flush=True)
    await asyncio.wait([task, asyncio.create_task(ends.wait())], return_when=asyncio.FIRST_COMPLETED)
    sys.exit(5 if ends.is_set() else 6)
asyncio.run(main())
"""


@pytest.fixture
def hang_up() -> Iterator[None]:
    """What SIGHUP does, put back as it was."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_each_signal_is_one_reload(hang_up: None) -> None:
    async def scenario() -> None:
        calls: asyncio.Queue[str] = asyncio.Queue()
        obeying = obey_hang_ups(lambda: calls.put_nowait("reload"), lambda: calls.put_nowait("stop"))
        async with aio.beside(obeying):
            await asyncio.sleep(0)
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGHUP)
                assert await calls.get() == "reload"
        assert calls.empty()

    aio.run(scenario())


@pytest.mark.parametrize(("how", "code"), [("plain", 5), ("nohup", 7)])
def test_the_end_of_its_terminal_stops_it_unless_it_runs_under_nohup(how: str, code: int) -> None:
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-c", _CHILD, how]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.close(ours)
        assert process.wait(10) == code


def test_whether_there_is_a_terminal_can_be_asked_anywhere() -> None:
    assert has_terminal() in (True, False)
