"""What instances, their workers and their gateways are called, and how their ops ports are reached. Pure.

Alone, a process is its number. Where instances share a Redis, the address and the (first) live port of an
instance, which nobody else can have, come before it.
"""

from __future__ import annotations

from typing import Final

from common.addresses import http_url, is_wildcard
from common.settings import Settings

ALONE: Final = "local"


def advertised_host(settings: Settings) -> str | None:
    """None for an instance that has no others."""
    return settings.advertise_host if settings.redis_url is not None else None


def instance_name(settings: Settings) -> str:
    """In paths of URLs as it is."""
    host = advertised_host(settings)
    return ALONE if host is None else f"{host.replace(':', '-')}:{settings.live_port(0)}"


def member_id(settings: Settings, index: int) -> str:
    """Of worker or gateway number `index` of this instance."""
    name = instance_name(settings)
    return str(index) if name == ALONE else f"{name}:{index}"


def failure_domain(settings: Settings) -> str:
    """What all workers of this host are lost with."""
    return advertised_host(settings) or ALONE


def ops_url(settings: Settings, port: int, path: str) -> str:
    """Where an ops port of this instance answers; `path` begins with a slash."""
    host, others = settings.ops_host, advertised_host(settings)
    return http_url(others if others is not None and is_wildcard(host) else host, port, path)
