"""The HTTP port over real sockets."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Gauge

from common.ops_server import OpsServer, json_reply
from gateway import http
from gateway.host_view import GatewayRow, HostView, Seen, WorkerRow
from gateway.http import HttpServer, create_app
from gateway.sockets import bind_socket

ROOT = Path(__file__).parents[3]
OWN = GatewayRow("0", 100, "ready", 3, "http://127.0.0.1:1/metrics")


class Reply(msgspec.Struct):
    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def workers_at(url: str) -> Callable[[], list[WorkerRow]]:
    return lambda: [WorkerRow("0", 200, "ready", None, 1, 1, 20, url)]


def view_of(workers: Callable[[], list[WorkerRow]] = list) -> HostView:
    registry = CollectorRegistry()
    Gauge("asr_own", "Own.", registry=registry).set(7)
    return HostView(Seen(workers, workers, lambda: OWN, list), [], registry, timeout_s=0.1)


@asynccontextmanager
async def serving(view: HostView, ready: Callable[[], bool] = lambda: True) -> AsyncIterator[int]:
    listener = bind_socket("127.0.0.1", 0)
    server = HttpServer(create_app(view, ready), listener)
    server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        await server.stop()


def ask(view: HostView, *paths: str, ready: Callable[[], bool] = lambda: True) -> list[Reply]:
    async def scenario() -> list[Reply]:
        async with serving(view, ready) as port:
            return [await asyncio.to_thread(get, port, path) for path in paths]

    return asyncio.run(scenario())


def get(port: int, path: str) -> Reply:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Reply(response.status, response.headers["Content-Type"], response.read())
    finally:
        connection.close()


def test_healthz_answers_while_nothing_is_ready() -> None:
    (reply,) = ask(view_of(), "/healthz", ready=lambda: False)
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_readyz_follows_readiness() -> None:
    answers = iter([True, False])
    ready, not_ready = ask(view_of(), "/readyz", "/readyz", ready=lambda: next(answers))
    assert (ready.status, ready.json()) == (200, {"ready": True})
    assert (not_ready.status, not_ready.json()) == (503, {"ready": False})


def test_metrics_are_prometheus_text() -> None:
    (reply,) = ask(view_of(), "/metrics")
    assert reply.status == 200
    assert reply.content_type.startswith("text/plain; version=")
    assert b"\nasr_own 7.0\n" in reply.body


def test_workers_lists_rows_of_both_kinds() -> None:
    (answer,) = ask(view_of(workers_at("http://127.0.0.1:1/metrics")), "/workers")
    reply = answer.json()
    assert [row["id"] for row in reply["workers"]] == ["0"]
    assert reply["gateways"] == [msgspec.to_builtins(OWN)]
    assert set(reply["workers"][0]) == set(WorkerRow.__struct_fields__)


def test_worker_lists_its_session_ids() -> None:
    ops = OpsServer("127.0.0.1", 0, {"/sessions": lambda: json_reply({"sessions": ["a"]})})
    ops.start()
    (reply,) = ask(view_of(workers_at(f"http://127.0.0.1:{ops.port}/metrics")), "/workers/0")
    ops.close()
    assert (reply.status, reply.json()) == (200, {"sessions": ["a"]})


def test_unknown_worker_is_404_and_silent_worker_503() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        view = view_of(workers_at(f"http://127.0.0.1:{unused.getsockname()[1]}/metrics"))
        unknown, silent = ask(view, "/workers/9", "/workers/0")
    assert (unknown.status, unknown.json()["code"]) == (404, "unknown_worker")
    assert (silent.status, silent.json()["code"]) == (503, "worker_silent")


def test_signals_stay_with_the_process_and_stop_frees_the_port() -> None:
    async def scenario() -> int:
        before = signal.getsignal(signal.SIGTERM)
        async with serving(view_of()) as port:
            await asyncio.to_thread(get, port, "/healthz")
            assert signal.getsignal(signal.SIGTERM) is before
        return port

    port = asyncio.run(scenario())
    bind_socket("127.0.0.1", port).close()


async def answered_once(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that is idle now."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
    await reader.readuntil(b"}")
    return reader, writer


def test_idle_connection_does_not_hold_up_stop() -> None:
    async def scenario() -> bytes:
        async with serving(view_of()) as port:
            reader, writer = await answered_once(port)
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return rest

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) == b""


def test_proxies_close_idle_connections_before_a_gateway_does(monkeypatch: pytest.MonkeyPatch) -> None:
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    [keeps_s] = re.findall(r"timeout http-keep-alive (\d+)s", haproxy)
    assert int(keeps_s) < http.KEEP_IDLE_S
    monkeypatch.setattr(http, "KEEP_IDLE_S", 1)

    async def scenario() -> bytes:
        async with serving(view_of()) as port:
            reader, writer = await answered_once(port)
            rest = await reader.read()
            writer.close()
            return rest

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"nothing that is HTTP\r\n\r\n",
    ],
    ids=["a live client", "no HTTP"],
)
def test_what_clients_send_is_not_in_the_log(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> bytes:
        async with serving(view_of()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            status = await reader.readline()
            writer.close()
            return status

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 4")
    assert caplog.messages == []


def test_stop_before_start_does_nothing() -> None:
    with bind_socket("127.0.0.1", 0) as listener:
        asyncio.run(HttpServer(create_app(view_of(), lambda: True), listener).stop())
