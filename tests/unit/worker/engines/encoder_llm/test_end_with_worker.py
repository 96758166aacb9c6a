from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.children import has_ended
from worker.engines.encoder_llm.end_with_worker import WORKER_EXTENSION, WORKER_VARIABLE, name_worker
from worker.process_stat import process_stat

ROOT: Final = Path(__file__).parents[5]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux' own")

# What vLLM does with the extension: import it, in a process of its own.
COMPUTE: Final = f"""
import importlib, os, signal, sys
importlib.import_module({WORKER_EXTENSION.rpartition(".")[0]!r})
print(os.getpid(), flush=True)
signal.pause()
"""
ENGINE_CORE: Final = """
import os, signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(os.getpid(), flush=True)
signal.pause()
"""
WORKER: Final = """
import os, signal, subprocess, sys
from worker.engines.encoder_llm.end_with_worker import name_worker
name_worker()
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
signal.pause()
"""


@contextmanager
def worker_with(*codes: str) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A worker, and the ids of the processes below it, which run `codes`, each started by the one before."""
    command = [sys.executable, "-c", WORKER, *codes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as worker:
        assert worker.stdout is not None
        pids = [int(worker.stdout.readline()) for _ in codes]
        try:
            yield worker, pids
        finally:
            for pid in (worker.pid, *pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("codes", [(COMPUTE,), (ENGINE_CORE, COMPUTE)], ids=["one process", "two processes"])
def test_a_killed_worker_leaves_no_process_of_its_engine(codes: tuple[str, ...]) -> None:
    with worker_with(*codes) as (worker, pids):
        assert len(set(pids)) == len(codes)
        worker.kill()
        assert all(has_ended(pid, within_s=5) for pid in pids)


def test_the_engine_stays_while_its_worker_lives() -> None:
    with worker_with(COMPUTE) as (_, [engine]):
        assert not has_ended(engine, within_s=0.6)


def test_another_process_with_the_id_of_the_worker_is_not_taken_for_it() -> None:
    environ = {**os.environ, WORKER_VARIABLE: f"{os.getpid()} 1"}
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTE], stdout=subprocess.DEVNULL, env=environ, cwd=ROOT
    ) as engine:
        assert engine.wait(timeout=5) == 1


def test_a_worker_that_is_gone_before_its_engine_looks_ends_nobody_else() -> None:
    environ = {**os.environ, WORKER_VARIABLE: f"{2**22 + 1} 1"}
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTE], stdout=subprocess.DEVNULL, env=environ, cwd=ROOT
    ) as engine:
        # Its parent, this process, is still here to see that.
        assert engine.wait(timeout=5) == 1


def test_the_worker_is_named_by_id_and_start() -> None:
    environ: dict[str, str] = {}
    name_worker(environ)
    stat = process_stat(os.getpid())
    assert stat is not None
    assert environ == {WORKER_VARIABLE: f"{os.getpid()} {stat.start}"}
