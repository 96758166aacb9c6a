"""Ports in a row, for processes that count theirs upwards from the first."""

from __future__ import annotations

import random
import socket
from typing import Final

# Below the range from which Linux takes ports for outgoing connections.
_PORTS: Final = range(20_000, 32_000)


def free_port_range(count: int) -> int:
    """The first of `count` ports in a row on which nobody listens."""
    for _ in range(100):
        first = random.choice(_PORTS)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
