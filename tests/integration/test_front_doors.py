"""What clients may rely on, whether nginx or HAProxy stands before the gateways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Final

import pytest
from fastapi import FastAPI, Request
from websockets.exceptions import InvalidStatus

from cli.front import Entry, Gateway
from common.proxies import parse_proxies
from gateway.http import HttpServer
from gateway.sockets import bind_socket
from gateway.websocket import listen, serve
from tests.support.haproxy import haproxy
from tests.support.nginx import BOUNDS, Nginx, front_of
from tests.support.plain_http import ask, seconds_until_cut
from tests.support.processes import Deployment, Plan
from tests.support.websocket_rig import Recorder, raw_client
from tests.support.wire import in_loop, spoken, whole_session, wire_client

Door = Callable[[Sequence[Gateway], int], AbstractContextManager[Entry]]

IDLE_S: Final = 2.0
HEADER_S: Final = 5.0
FEW, MANY = 4, 1_000
ELSEWHERE: Final = "127.0.0.2"
PROXIES: Final = parse_proxies("127.0.0.1")


@contextmanager
def nginx(gateways: Sequence[Gateway], connections: int) -> Iterator[Entry]:
    bounds = replace(BOUNDS, connections_per_address=connections)
    with Nginx(front_of(gateways, bounds)) as running:
        yield running.entry


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(gateways=2, flags=("--proxied", "--idle-timeout", str(IDLE_S)))) as deployment:
        yield deployment


@pytest.fixture(scope="module", params=[nginx, haproxy])
def door(request: pytest.FixtureRequest) -> Door:
    opened: Door = request.param
    return opened


@pytest.fixture(scope="module")
def entry(door: Door, deployment: Deployment) -> Iterator[Entry]:
    with door(deployment.behind, MANY) as entry:
        yield entry


def url(entry: Entry) -> str:
    return f"ws://127.0.0.1:{entry.port}"


@in_loop
async def test_connections_go_to_gateways_in_turn(entry: Entry, deployment: Deployment) -> None:
    async with AsyncExitStack() as open_clients:
        for _ in range(4):
            await (await open_clients.enter_async_context(wire_client(url(entry)))).start()
        rows = await asyncio.to_thread(deployment.rows)
        assert [gateway.sessions for gateway in rows.gateways] == [2, 2]


@in_loop
async def test_a_session_is_what_it_is_without_a_proxy(entry: Entry, deployment: Deployment) -> None:
    pcm = spoken(speech_ms=1_500, silence_ms=900)
    through = await whole_session(url(entry), pcm)
    direct = await whole_session(deployment.live_urls[0], pcm)
    assert through.final["sentences"] == direct.final["sentences"]


@in_loop
async def test_a_client_that_says_nothing_gets_the_reason_and_the_code(entry: Entry) -> None:
    async with wire_client(url(entry)) as client:
        await client.start()
        assert (await client.error())["code"] == "idle_timeout"
        assert await client.closed() == 4408


@in_loop
async def test_sockets_that_are_slow_with_their_head_are_cut(entry: Entry) -> None:
    cut_after = await asyncio.gather(
        *(
            seconds_until_cut(port, says=says)
            for port in (entry.port, entry.http_port)
            for says in (True, False)
        )
    )
    assert all(HEADER_S - 0.5 < seconds < HEADER_S + 2 for seconds in cut_after), cut_after


@in_loop
async def test_one_address_has_so_many_connections_and_those_live_on(
    door: Door, deployment: Deployment
) -> None:
    with door(deployment.behind, FEW) as entry:
        async with AsyncExitStack() as open_clients:
            clients = [await open_clients.enter_async_context(wire_client(url(entry))) for _ in range(FEW)]
            with pytest.raises(InvalidStatus) as refused:
                await open_clients.enter_async_context(wire_client(url(entry)))
            for client in clients:
                await client.start()
    response = refused.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "5")


@pytest.mark.parametrize("target", ["/metrics", "/workers", "/workers/0"])
def test_this_host_is_shown_what_operators_look_at(entry: Entry, target: str) -> None:
    assert ask(entry.http_port, target).status == 200


@pytest.mark.parametrize(
    "target", ["/metrics", "/metrics/", "/workers", "/workers/0", "/%6detrics", "//metrics", "/x/../metrics"]
)
def test_nobody_else_is_however_he_writes_it(entry: Entry, target: str) -> None:
    assert ask(entry.http_port, target, source=ELSEWHERE).status in (403, 404)


def test_health_is_shown_to_everybody(entry: Entry) -> None:
    assert ask(entry.http_port, "/healthz", source=ELSEWHERE).status == 200
    assert ask(entry.http_port, "/readyz", source=ELSEWHERE).status == 200


# --- whom gateways take a client for -----------------------------------------------------------


@pytest.mark.parametrize(("source", "scheme"), [("127.0.0.1", "https"), (ELSEWHERE, "http")])
def test_a_gateway_believes_the_proxies_of_its_setting(
    deployment: Deployment, source: str, scheme: str
) -> None:
    """By default this host; what it is told shows in the address that it sends a client on to."""
    port = int(deployment.behind[0].http.rpartition(":")[2])
    told = {"X-Forwarded-Proto": "https", "Host": "speech.example"}
    answer = ask(port, "/healthz/", headers=told, source=source)
    assert answer.headers["Location"] == f"{scheme}://speech.example/healthz"


@asynccontextmanager
async def gateways_that_tell(handler: Recorder) -> AsyncIterator[list[Gateway]]:
    """Two addresses of one gateway that says whom it takes for its client."""
    app = FastAPI()

    @app.get("/readyz")
    async def readyz() -> None:
        pass

    @app.get("/whoami")
    async def whoami(request: Request) -> dict[str, str | None]:
        return {"client": request.client and request.client.host, "scheme": request.url.scheme}

    http_socket = bind_socket("127.0.0.1", 0)
    http = HttpServer(app, http_socket, PROXIES)
    http.start()
    live = await serve(listen("127.0.0.1", 0), lambda _: handler, proxies=PROXIES)
    ports = live.sockets[0].getsockname()[1], http_socket.getsockname()[1]
    try:
        yield [Gateway(*(f"127.0.0.1:{port}" for port in ports))] * 2
    finally:
        live.close()
        await http.stop()


@in_loop
async def test_a_client_cannot_say_who_it_is(door: Door) -> None:
    handler = Recorder()
    made_up = {"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Forwarded-Proto": "https"}
    async with gateways_that_tell(handler) as gateways:
        with door(gateways, MANY) as entry:
            answer = await asyncio.to_thread(
                ask, entry.http_port, "/whoami", headers=made_up, source=ELSEWHERE
            )
            lines = "".join(f"{name}: {value}\r\n" for name, value in made_up.items())
            async with raw_client(entry.port, source=ELSEWHERE) as client:
                assert (await client.upgrade(extra=lines)).startswith("HTTP/1.1 101 ")
    assert json.loads(answer.body) == {"client": ELSEWHERE, "scheme": "http"}
    assert handler.request.peer == ELSEWHERE
