"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import socket

from tests.support.port_range import free_port_range


def free_ports(count: int) -> list[int]:
    """Different ones, which the kernel gives to nobody who asks for any."""
    first = free_port_range(count)
    return list(range(first, first + count))


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
