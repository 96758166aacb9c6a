from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from common.ops_client import FetchFailed, fetch_json, fetch_text
from common.ops_server import OpsServer, Reply, ready_reply


@pytest.fixture
def server() -> Iterator[OpsServer]:
    server = OpsServer(
        "127.0.0.1",
        0,
        {
            "/readyz": lambda: ready_reply(False, "waiting for worker-0"),
            "/text": lambda: Reply(200, "text/plain", b"not json"),
        },
    )
    server.start()
    yield server
    server.close()


def url(server: OpsServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_fetch_names_address_and_cause_when_nothing_listens(server: OpsServer) -> None:
    address = url(server, "/text")
    server.close()
    with pytest.raises(FetchFailed, match=f"{address}: Connection refused"):
        fetch_text(address, 5)


def test_fetch_refuses_answers_other_than_success(server: OpsServer) -> None:
    with pytest.raises(FetchFailed, match="answered 503"):
        fetch_json(url(server, "/readyz"), 5)


def test_fetch_json_refuses_a_body_that_is_not_json(server: OpsServer) -> None:
    with pytest.raises(FetchFailed, match="not JSON"):
        fetch_json(url(server, "/text"), 5)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "nonsense", "http://[broken"])
def test_fetch_speaks_http_only(address: str) -> None:
    with pytest.raises(FetchFailed):
        fetch_text(address, 5)


def test_fetch_gives_up_on_a_silent_peer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchFailed, match="timed out"):
        fetch_text(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.05)


def test_fetch_bounds_the_answer(server: OpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.ops_client.MAX_BODY_BYTES", 4)
    with pytest.raises(FetchFailed, match="larger than 4 bytes"):
        fetch_text(url(server, "/text"), 5)
