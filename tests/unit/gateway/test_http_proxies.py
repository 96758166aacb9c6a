"""Whom the HTTP port takes its clients for."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import FastAPI, Request

from common.proxies import client_address, parse_proxies
from gateway.http import HttpServer
from gateway.sockets import bind_socket
from tests.support.plain_http import Answer, ask

CLIENT = "203.0.113.9"
TOLD = [
    CLIENT,
    f"6.6.6.6, {CLIENT}",
    f"6.6.6.6, {CLIENT}, 10.0.0.1",
    f"{CLIENT}:4711",
    "[2001:db8::9]:4711",
    "10.0.0.7, 10.0.0.8",
]


def asked(proxies: str, headers: dict[str, str], target: str = "/whoami") -> Answer:
    app = FastAPI()

    @app.get("/whoami")
    async def whoami(request: Request) -> dict[str, str]:
        assert request.client is not None
        return {"client": request.client.host, "scheme": request.url.scheme}

    async def scenario() -> Answer:
        listener = bind_socket("127.0.0.1", 0)
        server = HttpServer(app, listener, parse_proxies(proxies))
        server.start()
        try:
            return await asyncio.to_thread(ask, listener.getsockname()[1], target, headers=headers)
        finally:
            await server.stop()

    return asyncio.run(scenario())


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("proxies", ["127.0.0.1,10.0.0.0/8", "10.0.0.0/8", ""])
def test_both_ports_take_a_client_for_the_same(proxies: str, told: str) -> None:
    client = json.loads(asked(proxies, {"X-Forwarded-For": told}).body)["client"]
    assert client == client_address(parse_proxies(proxies), "127.0.0.1", [told])


@pytest.mark.parametrize(("proxies", "scheme"), [("127.0.0.1", "https"), ("10.0.0.0/8", "http")])
def test_the_scheme_is_that_of_a_trusted_proxy(
    monkeypatch: pytest.MonkeyPatch, proxies: str, scheme: str
) -> None:
    """In the address that a client is sent on to; a variable of the server's own changes nothing."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    headers = {"X-Forwarded-Proto": "https", "Host": "speech.example"}
    answer = asked(proxies, headers, "/whoami/")
    assert answer.status == 307
    assert answer.headers["Location"] == f"{scheme}://speech.example/whoami"
