"""Listening sockets, made before the servers that use them, so that a taken port is a clear error."""

from __future__ import annotations

import socket
from typing import Final

# After a restart all clients of a host connect within one second.
BACKLOG: Final = 1024


class CannotListen(Exception):
    """The port cannot be listened on; the message names address, port and cause."""

    def __init__(self, host: str, port: int, cause: str) -> None:
        super().__init__(f"cannot listen on port {port} of {host}: {cause}")


def bind_socket(
    host: str, port: int, *, reuse_port: bool = False, receive_buffer_bytes: int | None = None
) -> socket.socket:
    """A bound, listening TCP socket on the first address of `host`; port 0 takes any free one.

    With `reuse_port` the processes of one user share the port. Accepted sockets have the receive buffer.
    Raises `CannotListen`.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
        if receive_buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        return _listening(listener, address, reuse_port=reuse_port)
    except (OSError, OverflowError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise CannotListen(host, port, cause) from error


def _listening(listener: socket.socket, address: tuple[object, ...], *, reuse_port: bool) -> socket.socket:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setblocking(False)
        listener.bind(address)
        # Linux lets two sockets bind one port and refuses the second `listen`: that too has to happen here.
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
