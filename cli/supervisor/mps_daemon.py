"""CUDA's MPS daemon: one that is started and ended here, and one of somebody else that is only looked at."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cli.supervisor.child import ChildProcess
from cli.supervisor.plan import python_path
from cli.supervisor.policy import describe_exit
from worker.mps_control import CONTROL, PIPES_VARIABLE, NoAnswer, ask, servers

log = logging.getLogger(__name__)

LOGS_VARIABLE: Final = "CUDA_MPS_LOG_DIRECTORY"
# The daemon would number the cards anew for its clients, who go by the numbers of the host.
_CARDS_VARIABLE: Final = "CUDA_VISIBLE_DEVICES"
# Its longest one is a Unix socket, whose path has 107 bytes.
_LONGEST_PIPE: Final = "control_privileged"
_MAX_PATH_BYTES: Final = 107
_START_LIMIT_S: Final = 15.0
_LOOK_AGAIN_S: Final = 0.05
# It waits for its servers, which give the card's memory back.
_QUIT_LIMIT_S: Final = 10.0
_GRACE_S: Final = 2.0
_FAULT: Final = "FAULT"


class DaemonFailed(Exception):
    """There is no daemon that answers; the message says why."""


class Daemon(Protocol):
    """`pipes`: where CUDA finds it."""

    pipes: Path

    async def start(self) -> None:
        """Until it answers. Raises `DaemonFailed`."""
        ...

    async def wait(self) -> int:
        """Until it is gone: its exit code."""
        ...

    async def is_at_fault(self) -> bool:
        """Whether a server says that it has met a fault of a card."""
        ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Folders:
    """`pipes`: where CUDA finds the daemon. `logs`: for what it writes."""

    pipes: Path
    logs: Path


class OwnDaemon:
    """In the foreground, so that its end is seen at once, and tied to this process, so that it leaves none
    behind. `is_private`: its pipes are nobody else's and are removed with it."""

    def __init__(self, folders: Folders, environ: Mapping[str, str], *, is_private: bool = True) -> None:
        self.pipes = folders.pipes
        self._logs = folders.logs
        self._is_private = is_private
        self._environ = {
            **{name: value for name, value in environ.items() if name != _CARDS_VARIABLE},
            PIPES_VARIABLE: str(folders.pipes),
            LOGS_VARIABLE: str(folders.logs),
            "PYTHONPATH": python_path(sys.path, os.getcwd()),
        }
        self._process: ChildProcess | None = None

    async def start(self) -> None:
        if not self._is_private and await _answers(self.pipes):
            raise DaemonFailed(f"there is one at {self.pipes} already")
        try:
            self._make_folders()
            self._process = await self._run()
        except OSError as error:
            raise DaemonFailed(f"{error.filename or CONTROL}: {error.strerror}") from error
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await self._answers_or_exits(self._process)
        except TimeoutError as error:
            await self.stop()
            raise DaemonFailed(f"did not answer within {_START_LIMIT_S:g} s; {self._last_words()}") from error
        except DaemonFailed:
            await self.stop()
            raise
        log.info("MPS daemon started", extra={"daemon_pid": self._process.pid, "pipes": str(self.pipes)})

    async def wait(self) -> int:
        assert self._process is not None, "it has been started"
        return await self._process.wait()

    async def is_at_fault(self) -> bool:
        return await _is_at_fault(self.pipes)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if not process.has_ended:
                await self._quit(process)
                log.info("MPS daemon stopped", extra={"daemon_pid": process.pid})
        finally:
            await process.end(_GRACE_S)
            self._clear_pipes()

    async def _run(self) -> ChildProcess:
        tied = (sys.executable, "-P", "-m", "cli.supervisor.tied", str(os.getpid()))
        with self._output.open("ab") as output:
            return ChildProcess(
                await asyncio.create_subprocess_exec(
                    *tied,
                    *(CONTROL, "-f"),
                    env=self._environ,
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=STDOUT,
                    start_new_session=True,
                )
            )

    async def _answers_or_exits(self, process: ChildProcess) -> None:
        exit_code = asyncio.create_task(process.wait())
        try:
            while not exit_code.done():
                if await _answers(self.pipes):
                    return
                await asyncio.wait({exit_code}, timeout=_LOOK_AGAIN_S)
            raise DaemonFailed(f"{describe_exit(exit_code.result())}; {self._last_words()}")
        finally:
            exit_code.cancel()

    async def _quit(self, process: ChildProcess) -> None:
        """Its own way to leave; whoever cannot wait for that ends it."""
        try:
            async with asyncio.timeout(_QUIT_LIMIT_S):
                await ask(self.pipes, "quit", _QUIT_LIMIT_S)
                await process.wait()
        except (NoAnswer, TimeoutError) as error:
            log.warning("MPS daemon does not quit, it is ended", extra={"cause": str(error)})

    def _clear_pipes(self) -> None:
        if self._is_private:
            shutil.rmtree(self.pipes, ignore_errors=True)

    def _make_folders(self) -> None:
        # What a daemon that was killed has left would be in the way.
        self._clear_pipes()
        for folder in (self.pipes, self._logs):
            folder.mkdir(mode=0o700 if self._is_private else 0o755, parents=True, exist_ok=True)

    @property
    def _output(self) -> Path:
        return self._logs / "output.log"

    def _last_words(self) -> str:
        lines = self._output.read_text(errors="replace").split("\n") if self._output.exists() else []
        said = [line for line in lines if line.strip()]
        return f"it said: {said[-1]}" if said else "it said nothing"


class ForeignDaemon:
    """Started by systemd, in a container beside this one, by hand: not ours to end."""

    def __init__(self, pipes: Path) -> None:
        self.pipes = pipes

    async def start(self) -> None:
        try:
            await servers(self.pipes)
        except NoAnswer as error:
            raise DaemonFailed(str(error)) from error
        log.info("MPS daemon of somebody else is used", extra={"pipes": str(self.pipes)})

    async def wait(self) -> int:
        """Whether it is there is seen when a worker starts."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    async def is_at_fault(self) -> bool:
        return await _is_at_fault(self.pipes)

    async def stop(self) -> None:
        """It stays."""


async def _is_at_fault(pipes: Path) -> bool:
    """One that does not answer says nothing; whoever wants to become its client finds out."""
    try:
        states = [await ask(pipes, f"get_server_status {server}") for server in await servers(pipes)]
    except NoAnswer:
        return False
    return any(_FAULT in state for state in states)


async def _answers(pipes: Path) -> bool:
    try:
        await servers(pipes)
    except NoAnswer:
        return False
    return True


def pipes_fit(pipes: Path) -> bool:
    """Whether the system can have paths as long as those of the daemon's sockets."""
    return len(os.fsencode(pipes / _LONGEST_PIPE)) <= _MAX_PATH_BYTES
