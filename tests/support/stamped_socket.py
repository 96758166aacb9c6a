"""A socket that knows when what it reads had come: a client that is late itself does not measure that."""

from __future__ import annotations

import socket
import struct
import time
from typing import Final
from urllib.parse import urlsplit

# Python has no name for it (asm-generic/socket.h): the kernel's time of each read, in nanoseconds.
_SO_TIMESTAMPNS: Final = 35
_STAMP: Final = struct.Struct("@qq")


class StampedSocket(socket.socket):
    """`came_at`: when the newest of what was read last had come, a time of the monotonic clock."""

    came_at = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        data, stamps, _, _ = self.recvmsg(size, socket.CMSG_SPACE(_STAMP.size), flags)
        if stamps:
            seconds, nanoseconds = _STAMP.unpack(stamps[0][2])
            self.came_at = time.monotonic() - (time.time() - seconds - nanoseconds / 1e9)
        return data


def stamped_connection(url: str) -> StampedSocket:
    """To the host and port of `url`; it does not block."""
    address, connection = urlsplit(url), StampedSocket()
    connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((address.hostname, address.port))
    connection.setblocking(False)
    return connection
