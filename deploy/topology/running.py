"""Keeps the programs of the topology running, and ends all of them together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Final, Self

from common.process import end_with_parent
from deploy.topology.errors import ProgramEnded
from deploy.topology.programs import Program

_POLL_S: Final = 0.05
# The supervisor gives its gateways and workers 10 s each.
_EXIT_S: Final = 30.0
_LAST_LINES: Final = 20


class Running:
    """From `with` until the block is left; all have answered by then. Raises `ProgramEnded`."""

    def __init__(self, programs: Iterable[Program]) -> None:
        self._programs = tuple(programs)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            for program in self._programs:
                process = _started(program)
                self._processes[program.name] = process
                ends.callback(_end, process)
                _wait_for(program, process)
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The last one to start ends first."""
        self._ends.close()

    def check(self) -> None:
        """Raises `ProgramEnded` if one of them has."""
        for program in self._programs:
            code = self._processes[program.name].poll()
            if code is not None:
                raise _ended(program, f"ended with code {code}")

    def pid(self, name: str) -> int:
        return self._processes[name].pid


def _started(program: Program) -> subprocess.Popen[bytes]:
    with program.log.open("wb") as log:
        return subprocess.Popen(
            program.argv,
            env=dict(program.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the topology, which ends them in order.
            start_new_session=True,
            preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - it takes no lock that another thread might hold
        )


def _wait_for(program: Program, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + program.patience_s
    while not program.answers():
        code = process.poll()
        if code is not None:
            raise _ended(program, f"ended with code {code}")
        if time.monotonic() > give_up_at:
            raise _ended(program, f"did not answer within {program.patience_s:g} s")
        time.sleep(_POLL_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    # Not SIGTERM, at which an instance might look for others that take its sessions.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_EXIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ended(program: Program, how: str) -> ProgramEnded:
    last = program.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return ProgramEnded("\n".join((f"{program.name} {how}; the end of its log:", *last)))
