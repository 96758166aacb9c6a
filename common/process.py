"""What every Voxshard process does about its parent and its signals."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Final

# Exit code of a child that was ended by a fault of its own.
FAULT: Final = 1
# Exit code of a child that could not even boot; the supervisor stops instead of restarting it for ever.
BOOT_FAILED: Final = 3
# Exit code of a worker that an error of its card has ended, at the start or later.
CARD_LOST: Final = 5
_PR_SET_PDEATHSIG: Final = 1
# A tenth of the time that others get, where there is not enough for all.
_GIVES_WAY: Final = 10


def end_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Linux: be sent the signal `number` when the process `parent` dies: killing it leaves no process behind.

    `parent` comes from the parent itself: once it is dead, getppid() no longer tells who it was. Raises
    `SystemExit` if it is dead already.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        raise SystemExit("the supervisor died while this process was starting")


def import_giving_way(module: str) -> None:
    """Linux: import it while whoever serves sessions goes first: it is most of a start, and takes a core.

    In a thread, since priorities are those of threads there, and what was lowered cannot be raised again.
    """
    with ThreadPoolExecutor(1, initializer=_give_way) as loader:
        loader.submit(import_module, module).result()


def _give_way() -> None:
    if sys.platform.startswith("linux"):
        os.setpriority(os.PRIO_PROCESS, 0, _GIVES_WAY)


async def wait_for_stop_signal() -> signal.Signals:
    """Return the next SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[signal.Signals] = loop.create_future()

    def tell(number: signal.Signals) -> None:
        if not told.done():
            told.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell, number)
    return await told
