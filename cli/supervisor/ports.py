"""Which ports an instance needs, and whether they are free, before anything is started."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cli.supervisor.errors import PortTaken, PortUnusable
from common.identity import advertised_host
from common.settings import Settings

_LAST_PORT: Final = 65_535
_ALL_OF_IPV4: Final = "0.0.0.0"
# Of IPv4, too, on systems that are set up as usual.
_ALL: Final = "::"


@dataclass(frozen=True, slots=True)
class NeededPort:
    """`flag` and `host_flag` name the settings that move it."""

    host: str
    port: int
    flag: str
    host_flag: str


def needed_ports(settings: Settings) -> list[NeededPort]:
    ops = [
        *((settings.gateway_ops_port + index, "--gateway-ops-port") for index in range(settings.gateways)),
        *((settings.worker_ops_port + index, "--worker-ops-port") for index in range(settings.workers)),
        (settings.supervisor_ops_port, "--supervisor-ops-port"),
    ]
    return [
        *_client_ports(settings),
        *(NeededPort(settings.ops_host, port, flag, "--ops-host") for port, flag in ops),
        *_link_ports(settings),
    ]


def _client_ports(settings: Settings) -> list[NeededPort]:
    if settings.gateways and not settings.proxied:
        return [
            NeededPort(settings.host, settings.port, "--port", "--host"),
            NeededPort(settings.http_host, settings.http_port, "--http-port", "--http-host"),
        ]
    return [
        needed
        for index in range(settings.gateways)
        for needed in (
            NeededPort(settings.host, settings.live_port(index), "--gateway-port", "--host"),
            NeededPort(
                settings.http_host, settings.http_port_of(index), "--gateway-http-port", "--http-host"
            ),
        )
    ]


def _link_ports(settings: Settings) -> list[NeededPort]:
    """Only where there are other hosts."""
    host = advertised_host(settings)
    if host is None:
        return []
    ports = range(settings.link_port, settings.link_port + settings.workers)
    return [NeededPort(host, port, "--link-port", "--advertise-host") for port in ports]


def check_ports(needed: Iterable[NeededPort]) -> None:
    """Raises `PortUnusable` for the first port that cannot be had, naming the flag that changes it."""
    for _, refusal in unusable_ports(needed):
        raise refusal


def unusable_ports(needed: Iterable[NeededPort]) -> Iterator[tuple[NeededPort, PortUnusable]]:
    """Each port that cannot be had, and why."""
    before: list[NeededPort] = []
    for wanted in needed:
        other = next((each for each in before if _meet(each, wanted)), None)
        before.append(wanted)
        refusal = _refusal(wanted) if other is None else _wanted_twice(wanted, other)
        if refusal is not None:
            yield wanted, refusal


def _meet(one: NeededPort, other: NeededPort) -> bool:
    """Whether only one of them can be had."""
    if one.port != other.port:
        return False
    hosts = {one.host, other.host}
    all_of_ipv4_and_one = _ALL_OF_IPV4 in hosts and not any(":" in host for host in hosts)
    return len(hosts) == 1 or _ALL in hosts or all_of_ipv4_and_one


def _wanted_twice(wanted: NeededPort, other: NeededPort) -> PortUnusable:
    return PortUnusable(f"port {wanted.port} is wanted twice", f"change {other.flag} or {wanted.flag}")


def _refusal(wanted: NeededPort) -> PortUnusable | None:
    """Bind and let go. With SO_REUSEADDR, as connections of a former run may linger; without
    SO_REUSEPORT, which would share the port with the gateways of another instance unnoticed."""
    if wanted.port > _LAST_PORT:
        return PortUnusable(f"port {wanted.port} does not exist", f"choose a lower {wanted.flag}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return _explained(wanted, error)
    return None


def _explained(wanted: NeededPort, error: OSError) -> PortUnusable:
    where = f"port {wanted.port} on {wanted.host}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"{where} is taken", f"stop what listens there, or choose another with {wanted.flag}"
        )
    return PortUnusable(
        f"{where} cannot be used ({error.strerror})", f"change {wanted.host_flag} or {wanted.flag}"
    )
