"""Where children say that they are ready: the receiving end of sd_notify(3)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

# Far more than there can be children; whoever floods the socket with pids fills no memory.
_MAX_PIDS: Final = 1_024


class NotifySocket:
    """Remembers which pids said READY=1, until they are forgotten.

    By pid and not by callback, because a quick child can speak before its starter has learnt its pid.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ready: dict[int, asyncio.Event] = {}

    async def wait_ready(self, pid: int) -> None:
        await self._ready.setdefault(pid, asyncio.Event()).wait()

    def is_ready(self, pid: int) -> bool:
        return pid in self._ready and self._ready[pid].is_set()

    def forget(self, pid: int) -> None:
        self._ready.pop(pid, None)

    def received(self, datagram: bytes) -> None:
        pid = ready_pid(datagram)
        if pid is None:
            return
        if pid not in self._ready and len(self._ready) >= _MAX_PIDS:
            log.warning("ready message dropped: too many unknown pids", extra={"child_pid": pid})
            return
        self._ready.setdefault(pid, asyncio.Event()).set()


@asynccontextmanager
async def open_notify_socket(path: Path) -> AsyncIterator[NotifySocket]:
    """Listens on `path` inside the block; the file stays. Raises `OSError`."""
    notify = NotifySocket(path)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Receiver(notify), local_addr=str(path), family=socket.AF_UNIX
    )
    try:
        yield notify
    finally:
        transport.close()


def ready_pid(datagram: bytes) -> int | None:
    """The pid of `READY=1\\nMAINPID=<pid>`; None for any other message."""
    lines = datagram.decode("ascii", "replace").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    pid = fields.get("MAINPID", "")
    return int(pid) if fields.get("READY") == "1" and pid.isascii() and pid.isdigit() else None


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, notify: NotifySocket) -> None:
        self._notify = notify

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._notify.received(data)
