"""SIGHUP: somebody wants settings to be read again, or the terminal is gone from which this was started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


async def obey_hang_ups(reload: Callable[[], None], stop: Callable[[], None]) -> None:
    """Call `reload` at each SIGHUP, until cancelled; and `stop`, once, at the one that comes with the end of
    the terminal. Who runs this under `nohup` does not want that."""
    ends_with_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and has_terminal()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
    while True:
        await told.wait()
        told.clear()
        if ends_with_terminal and not has_terminal():
            stop()
            return
        reload()


def has_terminal() -> bool:
    """Whether this process belongs to one that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
