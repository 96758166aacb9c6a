"""Tell whoever started this process that it is ready: the datagram protocol of sd_notify(3).

The supervisor listens; so does systemd. Without NOTIFY_SOCKET nobody asked, and nothing is sent.
"""

from __future__ import annotations

import os
import socket


def notify_ready() -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # A leading @ stands for Linux' abstract namespace, whose names begin with a zero byte.
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.sendto(f"READY=1\nMAINPID={os.getpid()}".encode(), address)
