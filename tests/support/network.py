"""Hosts for tests: network namespaces on one bridge, which this process is on, too."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Self

import pytest

_NUMBER: Final = os.getpid() % 250


class NoNamespaces(Exception):
    """This machine, or this user, cannot have any; the message says why."""


@dataclass(frozen=True, slots=True)
class Host:
    """`cable`: the end of its only connection that is plugged into the bridge."""

    netns: str
    address: str
    cable: str

    def unplug(self) -> None:
        """From one moment to the next nothing is heard of it, not even that it is gone."""
        _ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.cable, "up")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self.unplug()
        try:
            yield
        finally:
            self.plug_in()


class Network:
    """From `with` until the block is left."""

    def __init__(self, hosts: int) -> None:
        self._bridge = f"vxbr{_NUMBER}"
        self._cleanup = ExitStack()
        self.address = f"10.213.{_NUMBER}.254"
        """This process's own."""
        self.hosts = [
            Host(f"vx{_NUMBER}-{number}", f"10.213.{_NUMBER}.{number + 1}", f"vx{_NUMBER}-{number}")
            for number in range(hosts)
        ]

    def __enter__(self) -> Self:
        """Raises `NoNamespaces`."""
        try:
            self._make()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _make(self) -> None:
        if shutil.which("ip") is None:
            raise NoNamespaces("the program ip is not installed: apt-get install iproute2")
        _ip("link", "add", self._bridge, "type", "bridge")
        self._cleanup.callback(_ip, "link", "delete", self._bridge)
        _ip("address", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for host in self.hosts:
            self._add(host)

    def _add(self, host: Host) -> None:
        _ip("netns", "add", host.netns)
        self._cleanup.callback(_ip, "netns", "delete", host.netns)
        _ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.netns)
        # It would go with the namespace, but later: who makes the next network would still find it.
        self._cleanup.callback(_ip, "link", "delete", host.cable)
        _ip("link", "set", host.cable, "master", self._bridge, "up")
        _ip("-n", host.netns, "address", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", host.netns, "link", "set", device, "up")


@contextmanager
def network_or_skip(hosts: int) -> Iterator[Network]:
    """Skips the test for a user who may make no network namespaces; root has to be able to. Raises
    `NoNamespaces`."""
    network = Network(hosts)
    with ExitStack() as stack:
        try:
            stack.enter_context(network)
        except NoNamespaces as error:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"no network namespaces: {error}")
        yield network


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
