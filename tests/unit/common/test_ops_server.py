from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry, Counter

from common.ops_client import fetch_json, fetch_text
from common.ops_server import OpsPortTaken, OpsServer, Reply, json_reply, metrics_reply, ready_reply


def broken() -> Reply:
    raise RuntimeError("secret detail")


def metrics() -> Reply:
    registry = CollectorRegistry()
    Counter("asr_things", "things", registry=registry).inc(3)
    return metrics_reply(registry)


@pytest.fixture
def server() -> Iterator[OpsServer]:
    server = OpsServer(
        "127.0.0.1",
        0,
        {
            "/healthz": lambda: json_reply({"ok": True}),
            "/readyz": lambda: ready_reply(False, "waiting for worker-0"),
            "/metrics": metrics,
            "/broken": broken,
        },
    )
    server.start()
    yield server
    server.close()


def ask(server: OpsServer, method: str, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def url(server: OpsServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_known_paths_are_answered_with_or_without_a_query(server: OpsServer) -> None:
    assert fetch_json(url(server, "/healthz?verbose=1"), 5) == {"ok": True}


def test_metrics_are_those_of_the_registry_handed_in(server: OpsServer) -> None:
    assert "asr_things_total 3.0" in fetch_text(url(server, "/metrics"), 5)


def test_not_ready_is_503_and_says_what_is_missing(server: OpsServer) -> None:
    assert ask(server, "GET", "/readyz") == (503, b'{"ready":false,"detail":"waiting for worker-0"}')
    assert ready_reply(True, "").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_than_get_are_refused(server: OpsServer, method: str) -> None:
    assert ask(server, method, "/healthz") == (405, b"Method Not Allowed\n")


def test_refused_head_has_no_body(server: OpsServer) -> None:
    assert ask(server, "HEAD", "/healthz") == (405, b"")


def test_unknown_path_is_404(server: OpsServer) -> None:
    assert ask(server, "GET", "/nothing") == (404, b"Not Found\n")


def test_failing_route_is_500_without_detail_and_is_logged(
    server: OpsServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert ask(server, "GET", "/broken") == (500, b"Internal Server Error\n")
    assert caplog.records[0].exc_info is not None


def test_requests_are_not_logged(server: OpsServer, capfd: pytest.CaptureFixture[str]) -> None:
    ask(server, "GET", "/nothing")
    assert capfd.readouterr() == ("", "")


def test_taken_port_is_an_error_that_names_it(server: OpsServer) -> None:
    second = OpsServer("127.0.0.1", server.port, {})
    with pytest.raises(OpsPortTaken, match=rf"ops port {server.port} on 127\.0\.0\.1 .*in use"):
        second.start()


def test_port_beyond_the_last_is_the_same_kind_of_error() -> None:
    with pytest.raises(OpsPortTaken, match="65536"):
        OpsServer("127.0.0.1", 65_536, {}).start()


def test_closed_server_has_given_its_port_back(server: OpsServer) -> None:
    port = server.port
    server.close()
    server.close()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
