"""The whole system as child processes on free ports, for tests that mean it.

Nothing here waits without a bound, and leaving the block proves that no process is left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import psutil

from cli.supervisor.ops import ChildView
from common.ops_client import FetchFailed, fetch_text
from common.process import end_with_parent
from common.settings import PREFIX
from gateway.host_view import HostRows, WorkerSessions
from tests.support.addresses import Addresses
from tests.support.exposition import Metrics

ROOT: Final = Path(__file__).parents[2]
SCRIPTED: Final = "tests.support.engines:scripted"
MOONSHINE: Final = "moonshine"

READY_WITHIN_S: Final = 40.0
EXIT_WITHIN_S: Final = 15.0
_ANSWER_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.02

Environ = Mapping[str, str]


class DidNotStart(Exception):
    """The system ended, or was not ready in time; the message holds its logs."""


class _Children(msgspec.Struct, frozen=True):
    children: list[ChildView]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve: an engine, how many processes, further flags, further environment variables; on which
    address, in which network namespace."""

    engine: str = SCRIPTED
    workers: int = 1
    gateways: int = 1
    flags: tuple[str, ...] = ()
    environ: Environ = field(default_factory=dict)
    host: str = "127.0.0.1"
    netns: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    out: str = ""
    err: str = ""


class Deployment(Addresses):
    """`voxshard serve` with this plan, from `with` until the block is left."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.host, plan.gateways, plan.workers, proxied="--proxied" in plan.flags)
        self.plan = plan
        self._folder = Path(tempfile.mkdtemp(prefix="voxshard-test-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words = _Said()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def run_dir(self) -> Path:
        return self._folder / "run"

    # --- life ----------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self._running.pid

    def start(self) -> None:
        """Start the supervisor; it is not ready yet."""
        with (self._folder / "out").open("wb") as out, (self._folder / "err").open("wb") as err:
            self._process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env=_environ(self.plan.environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                # Also when the tests are killed: nobody would be left to end it.
                preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - it takes no lock that another thread might hold
            )

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Until it says `ready`. Raises `DidNotStart`."""
        give_up_at = time.monotonic() + within_s
        while "ready" not in self.output.splitlines():
            code = self._running.poll()
            if code is not None or time.monotonic() > give_up_at:
                raise DidNotStart(f"exit code {code}\n{self.logs}")
            time.sleep(_POLL_S)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal to the supervisor alone; its exit code."""
        self._running.send_signal(number)
        return self.wait_exit()

    def wait_exit(self, within_s: float = EXIT_WITHIN_S) -> int:
        return self._running.wait(within_s)

    def close(self) -> None:
        """End what still runs; raises AssertionError if a process was left although the supervisor ended."""
        try:
            if self._process is not None and self._process.poll() is None:
                self.terminate()
            left = [process.cmdline() for process in self.processes()]
        finally:
            self.kill_all()
            self._last_words = self._said()
            shutil.rmtree(self._folder, ignore_errors=True)
        assert not left, f"processes left: {left}"

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this deployment, whoever started it and however often it forked."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def kill_all(self) -> None:
        """SIGKILL to everything at once, as when its machine dies; the supervisor last, since its children
        take their leave when it is gone."""
        while left := self.processes():
            for process in reversed(left):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(_POLL_S)
        if self._process is not None:
            self._process.wait(EXIT_WITHIN_S)

    def _is_ours(self, process: psutil.Process) -> bool:
        """Children name the folder on their command line; what they start has it in its environment."""
        run_dir = str(self.run_dir)
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            inherited = process.environ().values()
            return any(run_dir in part for part in (*process.cmdline(), *inherited))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _command(self) -> list[str]:
        plan = self.plan
        settings = {
            **self.settings(),
            "run-dir": self.run_dir,
            "engine": plan.engine,
            "workers": plan.workers,
            "gateways": plan.gateways,
        }
        flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        there = [] if plan.netns is None else ["ip", "netns", "exec", plan.netns]
        return [*there, str(Path(sys.executable).with_name("voxshard")), "serve", *flags, *plan.flags]

    # --- what it says --------------------------------------------------------------------------

    @property
    def output(self) -> str:
        """All of stdout so far."""
        return self._said().out

    @property
    def logs(self) -> str:
        """All of stderr so far, of every process."""
        return self._said().err

    def _said(self) -> _Said:
        if not self._folder.exists():
            return self._last_words
        return _Said((self._folder / "out").read_text(), (self._folder / "err").read_text())

    def rows(self, http_url: str | None = None) -> HostRows:
        return msgspec.json.decode(self._get((http_url or self.http_url) + "/workers"), type=HostRows)

    def sessions(self, worker: str) -> list[str]:
        """Ids of the sessions of a worker, as the gateway tells them."""
        text = self._get(f"{self.http_url}/workers/{worker}")
        return msgspec.json.decode(text, type=WorkerSessions).sessions

    def children(self) -> dict[str, ChildView]:
        """The supervisor's children by name."""
        known = msgspec.json.decode(self._get(f"{self.supervisor_url}/children"), type=_Children)
        return {child.name: child for child in known.children}

    def child_pid(self, name: str) -> int:
        pid = self.children()[name].pid
        assert pid is not None, f"{name} does not run"
        return pid

    def metrics(self, base_url: str | None = None) -> Metrics:
        """Of the whole host, or of the process whose ops port this is."""
        return Metrics(self._get((base_url or self.http_url) + "/metrics"))

    def kill(self, child: str) -> int:
        """SIGKILL; the pid that is gone."""
        pid = self.child_pid(child)
        os.kill(pid, signal.SIGKILL)
        return pid

    def _get(self, url: str) -> str:
        return fetch_text(url, _ANSWER_WITHIN_S)


def wait_until(condition: Callable[[], Any], within_s: float, what: str) -> None:
    """Poll until the condition is true; an address that does not answer counts as false."""
    give_up_at = time.monotonic() + within_s
    while not _holds(condition):
        assert time.monotonic() < give_up_at, f"not within {within_s:g} s: {what}"
        time.sleep(_POLL_S)


def _holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except FetchFailed:
        return False


def _environ(more: Environ) -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | dict(more)
