"""Client processes: several, so that one interpreter does not slow the streams that it measures."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from bench.live_client import READY
from bench.live_trace import ClientReport, Job

_ROOT: Final = Path(__file__).parent.parent
_LOAD_TIMEOUT_S: Final = 60.0
# The common start lies so far ahead that every process has read it by then.
_HEAD_START_S: Final = 0.5
# Closing sockets and writing the report takes time after the deadline of the streams.
_REPORT_TIMEOUT_S: Final = 30.0


class LiveError(Exception):
    """The measurement could not be made; the message says why."""


def run_clients(jobs: Sequence[Job], begun: Callable[[], None] = lambda: None) -> list[ClientReport]:
    """All jobs at once, each in a process of its own; `begun` is called when all have been told to begin.
    Raises `LiveError`; no process is left behind."""
    with ExitStack() as running:
        clients = [running.enter_context(_Client(job)) for job in jobs]
        for client in clients:
            client.wait_ready()
        common_start = time.monotonic() + _HEAD_START_S
        for client in clients:
            client.begin(common_start)
        begun()
        return [client.report() for client in clients]


class _Client:
    """The process is killed on leaving, and by a timer when it is far too late."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> _Client:
        command = [sys.executable, "-m", "bench.live_client"]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        limit_s = _LOAD_TIMEOUT_S + self._job.deadline_s + _REPORT_TIMEOUT_S
        self._timer = threading.Timer(limit_s, self._process.kill)
        self._timer.start()
        self._write(msgspec.json.encode(self._job))
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()

    def wait_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != READY:
            raise LiveError("a client process did not start; what it said stands above")

    def begin(self, common_start: float) -> None:
        self._write(repr(common_start).encode())

    def report(self) -> ClientReport:
        assert self._process.stdout is not None
        written = self._process.stdout.read()
        if self._process.wait() != 0:
            raise LiveError(f"a client process ended with {self._process.returncode}")
        return msgspec.json.decode(written, type=ClientReport)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
        except BrokenPipeError as error:
            raise LiveError("a client process ended early; what it said stands above") from error
