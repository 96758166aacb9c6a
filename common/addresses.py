"""Addresses that servers listen on, written so that a client on this machine can connect to them."""

from __future__ import annotations

from typing import Final

# Whoever listens on all addresses of a machine is reached on its loopback.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def reachable_host(host: str) -> str:
    """`host` as a client writes it in a URL: no wildcard, IPv6 in brackets."""
    host = _LOOPBACK.get(host, host)
    return f"[{host}]" if ":" in host else host


def http_url(host: str, port: int, path: str = "") -> str:
    """Where a server on `host` answers; `path` begins with a slash."""
    return f"http://{reachable_host(host)}:{port}{path}"
