"""What a handshake is answered with before there is a connection, and what is not repeated in the answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.errors import BadCredentials, StreamQuota, VoxshardError
from common.proxies import parse_proxies
from gateway.connection import Factory, Request
from gateway.websocket import listen, serve
from tests.support.websocket_rig import (
    RawClient,
    Recorder,
    let_loop_turn,
    on_each_loop,
    raw_client,
    serving,
)


@asynccontextmanager
async def answering(factory: Factory) -> AsyncIterator[RawClient]:
    """A client of a server that asks `factory` about it."""
    server = await serve(listen("127.0.0.1", 0), factory)
    try:
        async with raw_client(server.sockets[0].getsockname()[1]) as client:
            yield client
    finally:
        server.close()
        await let_loop_turn()


@on_each_loop
async def test_failing_factory_is_logged_and_answered_500(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Request) -> Recorder:
        raise LookupError("of the factory")

    async with answering(broken) as client:
        assert (await client.upgrade()).startswith("HTTP/1.1 500 ")
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (BadCredentials(), "401 Unauthorized", "WWW-Authenticate: Bearer"),
        (StreamQuota(retry_after_s=4.2), "429 Too Many Requests", "Retry-After: 5"),
    ],
)
@on_each_loop
async def test_refused_request_is_answered_over_http(error: VoxshardError, status: str, header: str) -> None:
    def refusing(_: Request) -> Recorder:
        raise error

    async with answering(refusing) as client:
        lines = (await client.upgrade()).splitlines()
        types = [line for line in lines if line.startswith("Content-Type")]
        assert (lines[0], types) == (f"HTTP/1.1 {status}", ["Content-Type: application/json"])
        assert header in lines
        assert json.loads(await client.read_to_end())["code"] == error.code


@pytest.mark.parametrize(
    ("offered", "selected"),
    [("voxshard, voxshard.key.KEY", True), ("voxshard.key.KEY", False), ("binary", False), (None, False)],
)
@on_each_loop
async def test_only_our_own_subprotocol_is_selected(offered: str | None, selected: bool) -> None:
    async with serving(Recorder()) as port, raw_client(port) as client:
        head = await client.upgrade(extra=f"Sec-WebSocket-Protocol: {offered}\r\n" if offered else "")
        assert head.startswith("HTTP/1.1 101 ")
        assert ("Sec-WebSocket-Protocol: voxshard" in head.splitlines()) is selected
        assert "KEY" not in head


@on_each_loop
async def test_invalid_header_is_named_and_not_repeated() -> None:
    async with serving(Recorder()) as port, raw_client(port) as client:
        head = await client.upgrade(extra="Sec-WebSocket-Protocol: voxshard.key. KEY\r\n")
        body = (await client.read_to_end()).decode()
        assert head.startswith("HTTP/1.1 400 ")
        assert body == "missing or invalid Sec-WebSocket-Protocol header\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
    ids=["with a body", "TLS"],
)
@on_each_loop
async def test_what_is_no_handshake_is_answered_400(sent: bytes) -> None:
    async with serving(Recorder()) as port, raw_client(port) as client:
        await client.send(sent)
        head, _, body = (await client.read_to_end()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert body == b"no WebSocket handshake: that is a GET of HTTP/1.1 without a body\n"


@pytest.mark.parametrize(
    ("proxies", "headers", "client"),
    [
        ("127.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.0/8", ["6.6.6.6"], "127.0.0.1"),
        ("", ["6.6.6.6"], "127.0.0.1"),
    ],
)
@on_each_loop
async def test_the_client_is_whom_a_trusted_proxy_names(
    proxies: str, headers: list[str], client: str
) -> None:
    handler = Recorder()
    server = await serve(listen("127.0.0.1", 0), lambda _: handler, proxies=parse_proxies(proxies))
    async with raw_client(server.sockets[0].getsockname()[1]) as raw:
        await raw.upgrade(extra="".join(f"X-Forwarded-For: {header}\r\n" for header in headers))
        assert handler.request.peer == client
    server.close()


def test_request_is_printed_without_what_may_hold_a_key() -> None:
    request = Request("/", {"token": "KEY"}, {"authorization": "Bearer KEY"}, "127.0.0.1:1")
    assert "KEY" not in repr(request)
