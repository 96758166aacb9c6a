"""Whose X-Forwarded-For counts, and which address of it is the client's. Pure.

Each proxy writes the address that it was connected from behind what it was given. So what stands on the right
of such a header was written by the proxy nearest to us, and what a client has made up stands on the left.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Proxies = tuple[Network, ...]

# Who listens on `::` sees 127.0.0.1 as ::ffff:127.0.0.1.
_MAPPED: Final = "::ffff:"
_MAPPED_BITS: Final = 96


def parse_proxies(text: str) -> Proxies:
    """Addresses and networks with commas between; nobody for an empty text. Raises `ValueError`."""
    return tuple(network for part in text.split(",") if part.strip() for network in _networks(part.strip()))


def _networks(text: str) -> Iterator[Network]:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"not an address, or a network such as 10.0.0.0/8: {text}") from None
    yield network
    if network.version == 4:
        bits = _MAPPED_BITS + network.prefixlen
        yield ipaddress.ip_network(f"{_MAPPED}{network.network_address}/{bits}")


def client_address(proxies: Proxies, peer: str, forwarded_for: Sequence[str]) -> str:
    """Of all X-Forwarded-For headers in their order, the first address from the right that is no proxy's.

    `peer` itself if it is no proxy. Where all are, the client is the one farthest away. What is no address
    hides what is left of it.
    """
    client = peer
    for text in chain((peer,), _from_the_right(forwarded_for)):
        host = _without_port(text.strip())
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            break
        client = host
        if not any(address in network for network in proxies):
            break
    return client


def _from_the_right(headers: Sequence[str]) -> Iterator[str]:
    for header in reversed(headers):
        yield from reversed(header.split(","))


def _without_port(text: str) -> str:
    """Of `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; some balancers add it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
