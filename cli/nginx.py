"""`voxshard nginx-config`: an nginx.conf for what these settings start."""

from __future__ import annotations

import ipaddress
import math
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.front import Balance, Bounds, Entry, Front, Gateway, Tls, render
from common.addresses import check_advertise_host, reachable_host
from common.settings import Settings
from gateway.connection import DEFAULT_LIMITS

_ALL_OF_IPV4: Final = "*"
_THIS_HOST: Final = ("127.0.0.1", "::1")
_LAST_PORT: Final = 65_535
# Silence is the gateways' business: nginx has far more patience.
_IDLE_TIMES: Final = 10
_AFTER_GATEWAY_S: Final = 10

Gateways = Annotated[
    list[str] | None,
    typer.Option(
        "--gateway",
        metavar="HOST:PORT:HTTP_PORT",
        help="a gateway of any instance, once for each; all of this one if none is given",
    ),
]
Listen = Annotated[
    list[str] | None,
    typer.Option(metavar="ADDRESS", help="where nginx listens, once for each; all of IPv4 if not given"),
]
OpsFrom = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK", help="who may see /metrics and /workers, once for each; this host if not given"
    ),
]


def nginx_config(  # noqa: PLR0913 - each parameter is a flag
    settings: Settings,
    *,
    gateway: Gateways = None,
    balance: Annotated[Balance, typer.Option(help="who gets the next connection")] = Balance.ROUND_ROBIN,
    listen: Listen = None,
    certificate: Annotated[Path | None, typer.Option(help="for TLS: PEM file with its chain")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="for TLS: PEM file")] = None,
    pages: Annotated[Path | None, typer.Option(help="folder of static pages, for both ports")] = None,
    ops_from: OpsFrom = None,
    connections_per_address: Annotated[
        int, typer.Option(min=0, help="of one client address; 0: any number")
    ] = 1_000,
    max_upload_mib: Annotated[int, typer.Option(min=1, help="largest body of a request over HTTP")] = 512,
    reload_timeout: Annotated[
        float | None,
        typer.Option(min=1, help="seconds that connections outlive a reload; --max-session if not given"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="for nginx's logs, pid and temporary files; Debian's if not given")
    ] = None,
) -> None:
    """Print an nginx.conf that stands before gateways with these settings and --proxied."""
    try:
        front = Front(
            tuple(map(_gateway, gateway)) if gateway else _own_gateways(settings),
            Entry(
                tuple(map(_listen_address, listen or [_ALL_OF_IPV4])),
                settings.port,
                settings.http_port,
                _tls(certificate, certificate_key),
            ),
            _bounds(settings, reload_timeout, connections_per_address, max_upload_mib),
            balance,
            tuple(map(_network, ops_from or _THIS_HOST)),
            pages,
            folder,
        )
        text = render(front)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(text, nl=False)


def _bounds(
    settings: Settings, reload_s: float | None, connections_per_address: int, upload_mib: int
) -> Bounds:
    unread_s = settings.slow_reader_timeout + DEFAULT_LIMITS.close_s + _AFTER_GATEWAY_S
    return Bounds(
        header_s=math.ceil(DEFAULT_LIMITS.handshake_s),
        silence_s=math.ceil(_IDLE_TIMES * settings.idle_timeout),
        unread_s=math.ceil(unread_s),
        reload_s=math.ceil(reload_s or settings.max_session),
        connections_per_address=connections_per_address,
        upload_mib=upload_mib,
    )


def _own_gateways(settings: Settings) -> tuple[Gateway, ...]:
    live, http = reachable_host(settings.host), reachable_host(settings.http_host)
    return tuple(
        Gateway(f"{live}:{settings.gateway_port + index}", f"{http}:{settings.gateway_http_port + index}")
        for index in range(settings.gateways)
    )


def _gateway(text: str) -> Gateway:
    host, *ports = text.rsplit(":", 2)
    check_advertise_host(bare := host.removeprefix("[").removesuffix("]"))
    if len(ports) != 2 or not all(_is_port(port) for port in ports):
        raise ValueError(f"write a gateway as HOST:PORT:HTTP_PORT: {text}")
    return Gateway(*(f"{reachable_host(bare)}:{port}" for port in ports))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= _LAST_PORT


def _listen_address(text: str) -> str:
    if text == _ALL_OF_IPV4:
        return text
    address = ipaddress.ip_address(text)
    return f"[{address}]" if address.version == 6 else str(address)


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ValueError("--certificate and --certificate-key go together")
    return Tls(certificate, key)
