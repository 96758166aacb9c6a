"""Tell whoever started this process that it is ready, and that it still works: the datagram protocol of
sd_notify(3).

The supervisor listens; so does systemd. Without NOTIFY_SOCKET nobody asked, and nothing is sent.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    _notify("READY=1", waits=True)


def notify_alive() -> None:
    """To be said by the event loop itself. Never waits and never fails: a listener that stands still, or is
    gone, holds nobody up; it may have missed this when it goes on."""
    with suppress(OSError):
        _notify("WATCHDOG=1", waits=False)


def _notify(word: str, *, waits: bool) -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # A leading @ stands for Linux' abstract namespace, whose names begin with a zero byte.
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        # A listener that does not read has room for ten datagrams; then a send waits.
        notifier.setblocking(waits)
        notifier.sendto(f"{word}\nMAINPID={os.getpid()}".encode(), address)
