from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from worker.process_stat import is_under, process_age_s, process_stat

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux' own")

# A name that would mislead whoever counts words or looks for the first bracket.
RENAMED = "open('/proc/self/comm', 'w').write('a) Z 1 2'); print('up', flush=True); input()"


def test_parent_and_start_of_a_child_with_any_name() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RENAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        stat, mine = process_stat(child.pid), process_stat(os.getpid())
        assert stat is not None
        assert mine is not None
        assert stat.parent == os.getpid()
        assert stat.start >= mine.start
        assert is_under(child.pid, os.getpid())
        assert not is_under(os.getpid(), child.pid)
        child.kill()
        _wait_dead(child.pid)
    assert process_stat(child.pid) is None


def _wait_dead(pid: int) -> None:
    """Dead, although its parent, this process, has not noticed yet."""
    deadline = time.monotonic() + 5
    while process_stat(pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_process_is_under_itself() -> None:
    assert is_under(os.getpid(), os.getpid())


def test_a_process_that_does_not_exist_is_under_nobody() -> None:
    assert process_stat(2**22 + 1) is None
    assert not is_under(2**22 + 1, os.getpid())


def test_a_process_gets_older() -> None:
    before = process_age_s(os.getpid())
    time.sleep(0.05)
    after = process_age_s(os.getpid())
    assert before is not None and after is not None
    assert 0 < before < after


def test_what_does_not_exist_has_no_age() -> None:
    assert process_age_s(2**22 + 1) is None
