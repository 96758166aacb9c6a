"""Addresses that servers listen on, written so that a client on this machine can connect to them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

# Whoever listens on all addresses of a machine is reached on its loopback.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*|::[A-Za-z0-9.:]*")
_NAME: Final = re.compile(r"[^\s/\[\]]+")
_DATABASE: Final = re.compile(r"/?|/[0-9]+")


def reachable_host(host: str) -> str:
    """`host` as a client writes it in a URL: no wildcard, IPv6 in brackets."""
    host = _LOOPBACK.get(host, host)
    return f"[{host}]" if ":" in host else host


def is_wildcard(host: str) -> bool:
    """Whether it stands for all addresses of a machine."""
    return host in _LOOPBACK


def check_host(host: str) -> None:
    """Raises `ValueError` if it cannot be looked up; whether there is such a host is another matter."""
    if not _NAME.fullmatch(host) or not _can_be_asked_for(host):
        raise ValueError("write it as an address, such as 127.0.0.1 or ::1, or as a name; without a port")


def _can_be_asked_for(host: str) -> bool:
    """The library for sockets writes names so, and raises what is no `OSError`."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def check_advertise_host(host: str) -> None:
    """Raises `ValueError` if other hosts could not connect to it."""
    if is_wildcard(host) or not _HOST.fullmatch(host) or not _can_be_asked_for(host):
        raise ValueError("one address of this host that the others can connect to, without a port")


def http_url(host: str, port: int, path: str = "") -> str:
    """Where a server on `host` answers; `path` begins with a slash."""
    return f"http://{reachable_host(host)}:{port}{path}"


def check_collector_url(url: str) -> None:
    """Raises `ValueError`, one sentence without the address, if no collector of traces can have this one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("write it as http://HOST:PORT; keys belong into OTEL_EXPORTER_OTLP_HEADERS")


def check_redis_url(url: str) -> None:
    """Raises `ValueError`, one sentence without the address, if no Redis can have this one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the host or the port cannot be read: write it as redis://HOST:PORT") from None
    match parts.scheme:
        case "redis" | "rediss":
            if not parts.hostname or not _can_be_asked_for(parts.hostname) or port == 0:
                raise ValueError("write it as redis://HOST:PORT, with a host and a port from 1 to 65535")
            if not _DATABASE.fullmatch(parts.path):
                raise ValueError("what follows the port is the number of a database, such as /0")
        case "unix":
            if parts.path in ("", "/"):
                raise ValueError("write it as unix:///PATH/OF/THE/SOCKET")
        case _:
            raise ValueError("it begins with redis://, rediss:// or unix://")
