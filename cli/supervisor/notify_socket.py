"""Where children say that they are ready, and then that they work: the receiving end of sd_notify(3)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

# Far more than there can be children; whoever floods the socket with pids fills no memory.
_MAX_PIDS: Final = 1_024


@dataclass(frozen=True, slots=True)
class Message:
    """READY=1, or WATCHDOG=1 alone."""

    pid: int
    ready: bool


@dataclass(slots=True)
class _Heard:
    """Of one pid. `lately`: since somebody asked."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    lately: bool = False


class NotifySocket:
    """Remembers what pids said, until they are forgotten.

    By pid and not by callback, because a quick child can speak before its starter has learnt its pid.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._heard: dict[int, _Heard] = {}

    async def wait_ready(self, pid: int) -> None:
        await self._heard.setdefault(pid, _Heard()).ready.wait()

    def is_ready(self, pid: int) -> bool:
        return pid in self._heard and self._heard[pid].ready.is_set()

    def has_spoken(self, pid: int) -> bool:
        """Since this was asked last."""
        heard = self._heard.get(pid)
        if heard is None:
            return False
        lately, heard.lately = heard.lately, False
        return lately

    def forget(self, pid: int) -> None:
        self._heard.pop(pid, None)

    def received(self, datagram: bytes) -> None:
        message = parsed(datagram)
        # Who was never ready need not be remembered for being there.
        if message is None or not (message.ready or message.pid in self._heard):
            return
        if message.pid not in self._heard and len(self._heard) >= _MAX_PIDS:
            log.warning("ready message dropped: too many unknown pids", extra={"child_pid": message.pid})
            return
        heard = self._heard.setdefault(message.pid, _Heard())
        heard.lately = True
        if message.ready:
            heard.ready.set()


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


def parsed(datagram: bytes) -> Message | None:
    """`READY=1\\nMAINPID=<pid>` or `WATCHDOG=1\\nMAINPID=<pid>`; None for any other message."""
    lines = datagram.decode("ascii", "replace").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    pid, ready = fields.get("MAINPID", ""), fields.get("READY") == "1"
    if not (ready or fields.get("WATCHDOG") == "1") or not (pid.isascii() and pid.isdigit()):
        return None
    return Message(int(pid), ready)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, notify: NotifySocket) -> None:
        self._notify = notify

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._notify.received(data)
