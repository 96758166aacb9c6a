"""Starts servers of others as children, waits until they listen, and ends them with all that they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent.parent
_POLL_S: Final = 0.5
_TERM_TIMEOUT_S: Final = 15.0
_TOLD_LINES: Final = 15


class PeerError(Exception):
    """A peer could not be started; the message says why."""


@dataclass(frozen=True, slots=True)
class FunasrSetup:
    """One process for each port, all on the same checkpoint.

    python:     interpreter that has funasr and vLLM.
    cap:        most tokens of a decode; None: the checkpoint ends its texts itself.
    flags:      of FunASR's server.
    """

    model: Path
    ports: tuple[int, ...]
    cap: int | None = None
    flags: tuple[str, ...] = ()
    python: str = sys.executable
    start_timeout_s: float = 300.0

    def command(self, port: int) -> list[str]:
        cap = [] if self.cap is None else ["--cap", str(self.cap)]
        program = [self.python, "-m", "bench.peers.funasr_realtime", str(self.model.resolve())]
        return [*program, "--port", str(port), *cap, "--", *self.flags]


@contextmanager
def funasr_servers(setup: FunasrSetup) -> Iterator[tuple[str, ...]]:
    """The servers' addresses once all of them listen. Raises `PeerError`; none is left running."""
    with ExitStack() as running:
        servers = []
        for port in setup.ports:
            # One after another: two that measure the card's free memory at once mislead each other.
            servers.append(running.enter_context(_server(setup.command(port), port)))
            servers[-1].wait_listening(setup.start_timeout_s)
        yield tuple(f"ws://127.0.0.1:{port}" for port in setup.ports)
        for server in servers:
            server.require_alive()


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def wait_listening(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not _listens(self.port):
            self.require_alive()
            if time.monotonic() > deadline:
                raise PeerError(f"port {self.port}: not ready after {timeout_s:g} s\n{self._last_words()}")
            time.sleep(_POLL_S)

    def require_alive(self) -> None:
        status = self.process.poll()
        if status is not None:
            raise PeerError(f"port {self.port}: the server ended with {status}\n{self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TOLD_LINES:])


@contextmanager
def _server(command: Sequence[str], port: int) -> Iterator[_Server]:
    if _listens(port):
        raise PeerError(f"port {port} is in use")
    with tempfile.NamedTemporaryFile(prefix=f"peer-{port}-", suffix=".log") as log:
        # In a session of its own, so that the engine processes that it starts can be ended with it.
        process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield _Server(process, port, Path(log.name))
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TERM_TIMEOUT_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_POLL_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0
