from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from bench.mps.host import card_facts, left_over, mark, marked_processes, memory_mib, parse_facts

LINE = "NVIDIA H200, 580.159.03, 66, 3, Default, P0, 0\n"
WORKER = [sys.executable, "-c", "import time; time.sleep(60)", "-m worker"]


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_BENCH_MARK", "")
    mark(os.environ)


def seen(pid: int) -> bool:
    """A process has its command line a moment after it is there."""
    deadline = time.monotonic() + 5
    while pid not in marked_processes() and time.monotonic() < deadline:
        time.sleep(0.01)
    return pid in marked_processes()


@pytest.mark.usefixtures("marked")
def test_only_workers_that_were_started_here_are_found() -> None:
    environ = os.environ | {"ASR_BENCH_MARK": "of another run"}
    with (
        subprocess.Popen(WORKER) as ours,
        subprocess.Popen(WORKER, env=environ) as theirs,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        assert seen(ours.pid)
        assert not {theirs.pid, other.pid} & set(marked_processes())
        assert left_over(within_s=0.1) == (" ".join(WORKER),)
        for process in (ours, theirs, other):
            process.kill()
    assert left_over() == ()


def test_what_nvidia_smi_says_of_the_first_card() -> None:
    facts = parse_facts(LINE + LINE.replace("66", "1"))
    assert (facts["name"], facts["driver_version"], memory_mib(facts)) == ("NVIDIA H200", "580.159.03", 66)
    assert parse_facts("") == {}
    assert memory_mib({"memory.used": "[N/A]"}) is None


def test_without_nvidia_smi_there_are_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert card_facts() == {}
