"""A folder like a fresh checkout, on a machine without a network, for commands as a reader executes them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import soundfile

from common.audio import SAMPLE_RATE
from common.settings import PREFIX
from tests.support.network import Network
from tests.support.page_commands import ROOT, Block, serves
from tests.support.speech import recording

ADDRESS: Final = "10.0.0.7"
"""That of the examples."""
_COMMAND_WITHIN_S: Final = 200.0
_SERVER_WITHIN_S: Final = 60.0
_GONE_WITHIN_S: Final = 20.0
# What is given and has not ended until then runs on.
_GIVEN_S: Final = 1.0
_POLL_S: Final = 0.05
_SHOWN_LINES: Final = 30


class CommandFailed(Exception):
    """The message names the command and holds the end of what it said."""


class FreshMachine:
    """From `with` until the block is left; nothing runs on it any more then. Raises `NoNamespaces`."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._running: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxshard-page-")))
            [host] = stack.enter_context(Network(hosts=1)).hosts
            self._netns = host.netns
            stack.callback(self._end_all)
            # In its turn, as it clears up behind itself.
            stack.callback(self._end_server)
            subprocess.run(
                ["ip", "-n", self._netns, "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True
            )
            self._fill()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _fill(self) -> None:
        """Links to what git has, and the environment that `make` has made."""
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in {line.split("/")[0] for line in listed.stdout.splitlines()} | {".venv"}:
            (self._folder / name).symlink_to(ROOT / name)
        soundfile.write(
            self._folder / "talk.mp3", recording("two_cities")[: 5 * SAMPLE_RATE], SAMPLE_RATE, format="MP3"
        )

    def follow(self, block: Block) -> None:
        """Raises `CommandFailed`."""
        for command in block.given:
            self._give(command)
        for command in block.commands:
            if serves(command):
                self._end_server()
                self._serve(command)
            else:
                self._execute(command)

    def _give(self, command: str) -> None:
        process, log = self._start(command)
        try:
            code = process.wait(_GIVEN_S)
        except subprocess.TimeoutExpired:
            return
        if code:
            raise _failed(command, f"exit code {code}", log)

    def _execute(self, command: str) -> None:
        process, log = self._start(command)
        try:
            code = process.wait(_COMMAND_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise _failed(command, f"not through after {_COMMAND_WITHIN_S:g} s", log) from None
        if code:
            raise _failed(command, f"exit code {code}", log)

    def _serve(self, command: str) -> None:
        self._server, log = self._start(command)
        give_up_at = time.monotonic() + _SERVER_WITHIN_S
        while "ready" not in log.read_text(errors="replace").splitlines():
            if (code := self._server.poll()) is not None:
                raise _failed(command, f"exit code {code}", log)
            if time.monotonic() > give_up_at:
                raise _failed(command, f"not ready after {_SERVER_WITHIN_S:g} s", log)
            time.sleep(_POLL_S)

    def _end_server(self) -> None:
        """As Ctrl-C in its terminal does."""
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGINT)
            self._server.wait(_GONE_WITHIN_S)
        self._server = None

    def _start(self, command: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"log-{len(self._running)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._netns, "bash", "-euo", "pipefail", "-c", command],
                cwd=self._folder,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process, log

    def _environ(self) -> dict[str, str]:
        # Nor is anything left of the `make` that runs the tests: its ARGS would be those of every other one.
        ours = (PREFIX, "MAKE", "MFLAGS", "ARGS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self._folder}/.venv/bin:{kept['PATH']}:/usr/sbin"
        # Tests that a page asks for are looked up, not executed: this is one of them.
        return {**kept, "PATH": path, "PYTEST_ADDOPTS": "--collect-only -q"}

    def _end_all(self) -> None:
        """Whatever still runs in the namespace."""
        give_up_at = time.monotonic() + _GONE_WITHIN_S
        while pids := self._pids():
            assert time.monotonic() < give_up_at, f"processes {pids} do not end"
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            time.sleep(_POLL_S)
        for process in self._running:
            process.wait(_GONE_WITHIN_S)

    def _pids(self) -> list[int]:
        told = subprocess.run(
            ["ip", "netns", "pids", self._netns], capture_output=True, text=True, check=True
        )
        return [int(pid) for pid in told.stdout.split()]


def _failed(command: str, how: str, log: Path) -> CommandFailed:
    said = log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:]
    return CommandFailed("\n".join([f"{command}: {how}", *said]))
