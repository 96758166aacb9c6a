"""The address under which other hosts reach this one: as given, or that with which it reaches Redis."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

from common.settings import Settings

_LOOPBACK: Final = "127.0.0.1"
_REDIS_PORT: Final = 6_379


class NoAdvertiseHost(Exception):
    """It was not given and cannot be found; the message says why, without the address of Redis."""


def with_advertise_host(settings: Settings) -> Settings:
    """The same settings, the address filled in where there is a Redis. Raises `NoAdvertiseHost`."""
    if settings.redis_url is None or settings.advertise_host is not None:
        return settings
    try:
        host = own_address_towards(settings.redis_url)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NoAdvertiseHost(
            f"the way to Redis cannot be found ({reason}): set --advertise-host to this host's address"
        ) from None
    return settings.model_copy(update={"advertise_host": host})


def own_address_towards(redis_url: str) -> str:
    """Of the interface that leads there; nothing is sent, and Redis need not be up. Raises `OSError`."""
    parts = urlsplit(redis_url)
    if parts.hostname is None:
        return _LOOPBACK
    family, kind, protocol, _, address = socket.getaddrinfo(
        parts.hostname, parts.port or _REDIS_PORT, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
