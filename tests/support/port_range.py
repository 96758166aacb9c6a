"""Ports in a row, for processes that count theirs upwards from the first."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Below the range from which Linux takes ports for outgoing connections.
PORTS: Final = range(20_000, 32_000)


def ports_of(environ: Mapping[str, str]) -> range:
    """Of the processes that pytest-xdist runs tests in, each has its own: what is free would be found by two
    of them before either listens, and gateways share ports without a word."""
    processes = int(environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(PORTS) // processes
    return PORTS[number * share : (number + 1) * share]


@dataclass(slots=True)
class _Cursor:
    """Goes once around before it gives a port again: those given before may not be listened on yet."""

    at: int

    def give(self, ports: range, count: int) -> int:
        if self.at + count > len(ports):
            self.at = 0
        first = ports[self.at]
        self.at += count
        return first


_CURSOR: Final = _Cursor(random.randrange(len(PORTS)))


def free_port_range(count: int) -> int:
    """The first of `count` ports in a row on which nobody listens."""
    ports = ports_of(os.environ)
    for _ in range(100):
        first = _CURSOR.give(ports, count)
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
