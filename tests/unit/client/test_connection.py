from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from websockets.http11 import Request, Response

from client.connection import closed_by, open_connection, opening_commands, resume_url, session_url
from client.failures import StreamError
from tests.support.certificate import make_certificate

URL = "ws://127.0.0.1:10095"


def refusal(url: str) -> StreamError:
    with pytest.raises(StreamError) as caught:
        asyncio.run(open_connection(url))
    return caught.value


def test_an_address_without_options_stays_as_it_is() -> None:
    assert session_url(URL + "/live?key=1", None, None) == URL + "/live?key=1"


def test_options_are_quoted_and_join_the_query() -> None:
    url = session_url(URL + "/?key=1", "a b&c=d", "5000:1500,inf:300")
    query = parse_qs(urlsplit(url).query)
    assert query == {"key": ["1"], "session_id": ["a b&c=d"], "silence_schedule": ["5000:1500,inf:300"]}
    assert " " not in url


def test_start_comes_last_and_options_not_given_are_not_sent() -> None:
    assert opening_commands(None, (), {}) == ["START"]
    commands = opening_commands("en", ("Voxshard", "shard"), {"vox shard": "Voxshard", "a": "b"})
    assert commands == [
        "LANGUAGE:en",
        "HOTWORDS:Voxshard,shard",
        "POSTPROCESS_HOTWORDS:vox shard=>Voxshard,a=>b",
        "START",
    ]


@pytest.mark.parametrize("word", ["a,b", "一，二"])
def test_a_comma_inside_a_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="comma"):
        opening_commands(None, (word,), {})
    with pytest.raises(ValueError, match="comma"):
        opening_commands(None, (), {"a": word})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws://", "ws://127.0.0.1:99999", "nonsense"])
def test_an_address_of_another_kind_is_named(url: str) -> None:
    assert refusal(url).code == "bad_url"


def test_an_address_that_cannot_be_split_is_named() -> None:
    with pytest.raises(StreamError, match="bad_url"):
        session_url("ws://[::1", "s1", None)


def test_nobody_listening_may_be_tried_again(free_port: int) -> None:
    error = refusal(f"ws://127.0.0.1:{free_port}")
    assert (error.code, error.retryable, error.close_code) == ("no_server", True, None)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (HTTPStatus.NOT_FOUND, False),
        (HTTPStatus.TOO_MANY_REQUESTS, True),
        (HTTPStatus.SERVICE_UNAVAILABLE, True),
    ],
)
def test_a_refused_handshake_tells_the_status(status: HTTPStatus, retryable: bool) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(status, "no")

    error = asyncio.run(_attempt(refuse))
    assert f"HTTP {status.value}" in str(error)
    assert (error.code, error.retryable) == ("handshake_refused", retryable)


def test_a_refusal_in_the_words_of_our_server_is_told_as_it_is() -> None:
    body = '{"code":"stream_quota","message":"too many","retryable":true,"retry_after_s":5.0}'

    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, body)

    error = asyncio.run(_attempt(refuse))
    assert (error.code, error.message, error.retryable) == ("stream_quota", "too many", True)
    assert error.retry_after_s == 5 and str(error) == "stream_quota: too many; try again in 5 s"


@pytest.mark.parametrize(("api_key", "sent"), [("vxs_key", "Bearer vxs_key"), (None, None)])
def test_the_key_is_shown_in_the_header(api_key: str | None, sent: str | None) -> None:
    seen: list[str | None] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    error = asyncio.run(_attempt(refuse, api_key))
    assert seen == [sent] and "vxs_key" not in str(error)


async def _attempt(
    answer: Callable[[ServerConnection, Request], Response] | None = None,
    api_key: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> StreamError:
    async def never(_connection: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=answer, ssl=tls) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(StreamError) as refused:
            await open_connection(f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}", api_key)
        return refused.value


def test_a_server_of_another_kind_is_named() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail\r\n")
        writer.close()

    async def attempt() -> None:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await open_connection(f"ws://127.0.0.1:{port}")

    with pytest.raises(StreamError, match="does not speak WebSocket"):
        asyncio.run(attempt())


@pytest.mark.parametrize(("header", "after_s"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_a_proxy_says_when_to_come_again(header: str, after_s: float | None) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no")
        response.headers["Retry-After"] = header
        return response

    error = asyncio.run(_attempt(refuse))
    assert (error.code, error.retryable, error.retry_after_s) == ("handshake_refused", True, after_s)


def test_a_certificate_that_nobody_vouches_for_is_told_as_that(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path).tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)

    error = asyncio.run(_attempt(tls=context))
    assert re.search(r"certificate of wss://.*: self-signed certificate", str(error))
    assert (error.code, error.retryable) == ("handshake_refused", False)


def test_a_server_that_hangs_up_without_an_answer_may_be_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async def attempt() -> None:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await open_connection(f"ws://127.0.0.1:{port}")

    with pytest.raises(StreamError, match="no_server") as refused:
        asyncio.run(attempt())
    assert refused.value.retryable


def test_a_session_is_resumed_at_the_same_address_without_an_id() -> None:
    url = session_url(URL + "/live?key=a%20b&flag", "mine", "offline")
    assert resume_url(url) == URL + "/live?key=a%20b&flag&silence_schedule=offline&resume=true"
    assert resume_url(URL + "?session_id=other") == URL + "?resume=true"


@pytest.mark.parametrize(
    ("close", "told"), [(Close(1012, "restarting"), (1012, "restarting")), (None, (1006, ""))]
)
def test_a_connection_without_a_close_frame_was_lost(close: Close | None, told: tuple[int, str]) -> None:
    assert closed_by(ConnectionClosedError(close, None)) == told
