"""Requests over HTTP from a chosen address of the loopback network, and sockets that are slow with theirs."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Final

_ANSWER_WITHIN_S: Final = 10.0
_DRIP_EVERY_S: Final = 0.25
_HEAD: Final = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: str


def ask(
    port: int,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    source: str = "127.0.0.1",
) -> Answer:
    """GET, or POST of this body, at 127.0.0.1."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN_S, source_address=(source, 0))
    try:
        connection.request("GET" if body is None else "POST", target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


async def seconds_until_cut(port: int, *, says: bool) -> float:
    """For how long a socket is let send its head byte by byte, or nothing at all."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setblocking(False)
        dripping = asyncio.ensure_future(_drip(peer) if says else asyncio.sleep(3_600))
        try:
            while await loop.sock_recv(peer, 4_096):
                pass
        except ConnectionError:
            pass
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
    return time.monotonic() - began


async def _drip(peer: socket.socket) -> None:
    for byte in _HEAD:
        await asyncio.get_running_loop().sock_sendall(peer, bytes([byte]))
        await asyncio.sleep(_DRIP_EVERY_S)
