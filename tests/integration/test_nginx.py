"""What only nginx does: TLS, pages, limits of uploads, and reloads under a session."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.certificate import make_certificate
from tests.support.nginx import BOUNDS, Nginx, front_of
from tests.support.plain_http import ask
from tests.support.processes import Deployment, Plan
from tests.support.wire import in_loop, spoken, wire_client

PAGE = "<!doctype html><title>live</title>"
SHUTDOWN_S = 2
MIB = 1 << 20


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(gateways=2, flags=("--proxied",))) as deployment:
        yield deployment


@in_loop
async def test_a_session_over_tls(deployment: Deployment, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    front = front_of(deployment.behind)
    front = replace(front, entry=replace(front.entry, tls=certificate.tls))
    with Nginx(front):
        url = f"wss://127.0.0.1:{front.entry.port}"
        async with wire_client(url, tls=certificate.trusting()) as client:
            await client.start()
            await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
            assert len((await client.stop())["sentences"]) == 1


@pytest.mark.parametrize("field", ["port", "http_port"])
def test_plain_http_is_told_where_tls_is(deployment: Deployment, tmp_path: Path, field: str) -> None:
    front = front_of(deployment.behind)
    front = replace(front, entry=replace(front.entry, tls=make_certificate(tmp_path).tls))
    port: int = getattr(front.entry, field)
    with Nginx(front):
        answer = ask(port, "/a/page?of=it")
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://127.0.0.1:{port}/a/page?of=it"


@pytest.fixture
def pages() -> Iterator[Path]:
    """Where nginx may look that runs as nobody, which is not so for the folders of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        (path / "index.html").write_text(PAGE)
        yield path


@in_loop
async def test_pages_are_on_both_ports_and_in_nobodys_way(deployment: Deployment, pages: Path) -> None:
    front = replace(front_of(deployment.behind), pages=pages)
    port, http_port = front.entry.port, front.entry.http_port
    with Nginx(front) as nginx:
        for each in (port, http_port):
            answer = await asyncio.to_thread(ask, each, "/")
            assert (answer.status, answer.body) == (200, PAGE)
            assert answer.headers["Content-Type"] == "text/html"
        assert (await asyncio.to_thread(ask, port, "/no/such/page")).status == 404
        assert (await asyncio.to_thread(ask, http_port, "/healthz")).status == 200
        async with wire_client(nginx.url) as client:
            assert (await client.start())["event"] == "started"


@pytest.mark.parametrize(("size", "refused"), [(2 * MIB - 1, False), (2 * MIB + 1, True)])
def test_uploads_have_a_limit(deployment: Deployment, size: int, refused: bool) -> None:
    front = front_of(deployment.behind, replace(BOUNDS, upload_mib=2))
    with Nginx(front):
        answer = ask(front.entry.http_port, "/healthz", body=bytes(size))
    assert (answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE) is refused


def test_an_answer_comes_through_that_is_given_before_the_end_of_an_upload(deployment: Deployment) -> None:
    front = front_of(deployment.behind, replace(BOUNDS, upload_mib=8))
    with Nginx(front):
        answers = [ask(front.entry.http_port, "/healthz", body=bytes(8 * MIB)) for _ in range(8)]
    assert [answer.status for answer in answers] == [HTTPStatus.METHOD_NOT_ALLOWED] * 8


@in_loop
async def test_after_a_reload_a_session_goes_on_until_its_time_is_over(deployment: Deployment) -> None:
    bounds = replace(BOUNDS, reload_s=SHUTDOWN_S)
    with Nginx(front_of(deployment.behind, bounds)) as nginx:
        async with wire_client(nginx.url) as client:
            await client.start()
            nginx.reload()
            await asyncio.sleep(SHUTDOWN_S / 2)
            await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
            await client.send("COMMIT")
            await client.receive_until(lambda message: bool(message.get("sentences")))
            async with asyncio.timeout(SHUTDOWN_S):
                await client.lost()
        async with wire_client(nginx.url) as client:
            assert (await client.start())["event"] == "started"
