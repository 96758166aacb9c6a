"""Little child processes for tests of whoever starts and watches processes."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]

_SAY_READY: Final = "from common.notify import notify_ready; notify_ready()"
_SLEEP: Final = "import time; time.sleep(60)"

READY_THEN_SLEEP: Final = f"{_SAY_READY}; {_SLEEP}"
# For a second.
READY_AND_ALIVE: Final = f"""
{_SAY_READY}
import time
from common.notify import notify_alive
for _ in range(50):
    notify_alive()
    time.sleep(0.02)
raise SystemExit(7)
"""
NEVER_READY: Final = _SLEEP
EXIT_AT_ONCE: Final = "raise SystemExit(9)"
IGNORE_SIGTERM: Final = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SAY_READY}; {_SLEEP}"
)
# Python would take SIGINT as KeyboardInterrupt, and say so.
IGNORE_SIGTERM_ONLY: Final = f"import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); {IGNORE_SIGTERM}"


def python(code: str, *arguments: str) -> tuple[str, ...]:
    # -S: what these children import is in the standard library or in `common`, and they start quicker.
    return (sys.executable, "-S", "-c", code, *arguments)


def with_grandchild(pid_file: Path, ending: str) -> tuple[str, ...]:
    """A child that starts `sleep`, writes its pid to `pid_file`, says READY=1, then does `ending`."""
    start = "import subprocess, sys, pathlib; pid = subprocess.Popen(['sleep', '60']).pid"
    write = "pathlib.Path(sys.argv[1]).write_text(str(pid))"
    return python(f"{start}; {write}; {_SAY_READY}; {ending}", str(pid_file))


def child_environ(notify_path: Path) -> dict[str, str]:
    return {**os.environ, "NOTIFY_SOCKET": str(notify_path), "PYTHONPATH": str(ROOT)}


async def wait_gone(pid: int) -> None:
    """Until no such process runs; one that nobody has reaped yet counts as gone. Raises `TimeoutError`."""
    await wait_until(lambda: not _runs(pid))


async def wait_until(condition: Callable[[], bool]) -> None:
    """For what processes do, which raises no event here. Raises `TimeoutError` after 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def has_ended(pid: int, within_s: float) -> bool:
    """Of any process, a child or not."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within_s)[0])
    finally:
        os.close(process)
