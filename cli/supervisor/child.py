"""One child process, together with everything that it starts itself."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Role(Enum):
    WORKER = "worker"
    GATEWAY = "gateway"


_GRACE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class StopOrder:
    """`grace_s`: from the signal to SIGKILL."""

    signal: signal.Signals
    grace_s: float


StopOrders = Mapping[Role, StopOrder]
# Where there is nowhere to drain to a gateway is told to be quick, and workers follow it.
QUICKLY: Final[StopOrders] = {
    Role.WORKER: StopOrder(signal.SIGTERM, _GRACE_S),
    Role.GATEWAY: StopOrder(signal.SIGINT, _GRACE_S),
}


def draining(timeout_s: float) -> StopOrders:
    """Both drain by themselves for `timeout_s` at most, then have as long as ever."""
    return dict.fromkeys(Role, StopOrder(signal.SIGTERM, timeout_s + _GRACE_S))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    role: Role
    index: int
    argv: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.role.value}-{self.index}"


class ChildProcess:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._grace: asyncio.Timeout | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Exit code; the negative number of the signal that ended it."""
        return await self._process.wait()

    def kill(self) -> None:
        """At once, with all that it has started; `wait` tells when it is gone."""
        if not self.has_ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self, grace_s: float, number: signal.Signals = signal.SIGTERM) -> None:
        """The signal unless it has exited, `grace_s` to leave, then SIGKILL for what is left of its group.

        A child that exited by itself may have left processes behind which hold GPU memory or a port, so
        the group is killed in any case.
        """
        try:
            if not self.has_ended:
                self._ask_to_stop(number)
                await self._wait_at_most(grace_s)
        finally:
            # Also when this is cancelled: whoever is impatient gives up the grace, never the clean-up.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            await self._process.wait()

    def hurry(self, order: StopOrder) -> None:
        """While it ends: this signal, too, and no more time than this grace from now on."""
        if self._grace is None or self._process.returncode is not None:
            return
        self._ask_to_stop(order.signal)
        until = asyncio.get_running_loop().time() + order.grace_s
        self._grace.reschedule(min(self._grace.when() or until, until))

    async def _wait_at_most(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s) as self._grace:
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self._grace = None

    def _ask_to_stop(self, number: signal.Signals) -> None:
        # Not Process.terminate(): it polls first, and may so take the exit code away from asyncio's watcher.
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


async def start_child(argv: tuple[str, ...], environ: Mapping[str, str]) -> ChildProcess:
    """Start `argv` at the head of a process group of its own. Raises `OSError`.

    A session of its own also keeps Ctrl-C of the terminal away: the supervisor decides who stops when.
    """
    return ChildProcess(
        await asyncio.create_subprocess_exec(*argv, env=environ, stdin=DEVNULL, start_new_session=True)
    )
