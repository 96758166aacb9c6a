"""The receiving half against real clients: handshakes, messages, refusals, and how connections end."""

from __future__ import annotations

import logging

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from gateway.connection import Connection, Limits
from tests.support.websocket_rig import (
    Recorder,
    close_frame,
    continuation,
    echo,
    let_loop_turn,
    on_each_loop,
    raw_client,
    serving,
    text_frame,
    upgrade_request,
)

PLAIN_GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def client_of(port: int) -> connect:
    return connect(f"ws://127.0.0.1:{port}/", proxy=None)


async def close_code(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as caught:
        await client.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


@on_each_loop
async def test_messages_of_a_real_client_reach_the_handler_and_answers_the_client() -> None:
    handler = Recorder(echo)
    async with serving(handler) as port, client_of(port) as client:
        await client.send("START")
        await client.send(b"\x01\x02")
        assert await client.recv() == "START"
        assert await handler.until("binary") == b"\x01\x02"


@on_each_loop
async def test_request_has_path_first_query_values_and_headers_of_any_case() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade(
            "/live%20one?a=1&a=2&b=", extra="X-Session-Id: first\r\nx-session-id: second\r\n"
        )
        request = handler.request
        assert request.path == "/live one"
        assert request.query == {"a": "1", "b": ""}
        assert request.header("X-SESSION-ID") == "first"
        assert request.header("absent") is None
        assert request.peer == "127.0.0.1"


@on_each_loop
async def test_connection_header_of_firefox_is_understood() -> None:
    async with serving(Recorder()) as port, raw_client(port) as client:
        head = await client.upgrade(connection="keep-alive, Upgrade")
        assert head.startswith("HTTP/1.1 101 ")


@on_each_loop
async def test_offered_compression_is_not_taken() -> None:
    async with serving(Recorder()) as port, raw_client(port) as client:
        head = await client.upgrade(extra="Sec-WebSocket-Extensions: permessage-deflate\r\n")
        assert "extensions" not in head.lower()


@on_each_loop
async def test_fragments_become_one_message_with_a_ping_between_them() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(
            text_frame("ST", fin=False), Frame(Opcode.PING, b"hi"), continuation("OP", fin=True)
        )
        assert await client.read() == (Opcode.PONG, b"hi")
        assert await handler.until("text") == "STOP"


@on_each_loop
async def test_ping_of_a_real_client_is_answered() -> None:
    async with serving(Recorder()) as port, client_of(port) as client:
        await (await client.ping())


@on_each_loop
async def test_frames_sent_along_with_the_handshake_are_delivered() -> None:
    handler = Recorder(echo)
    async with serving(handler) as port, raw_client(port) as client:
        await client.send(upgrade_request(), text_frame("START\n"))
        assert await handler.until("text") == "START\n"


@on_each_loop
async def test_invalid_utf8_is_answered_before_the_close_frame() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame(b"\xff\xfe"), text_frame("START"))
        assert await client.read() == (Opcode.TEXT, b"bad_text")
        assert await client.read_close_code() == 1007
        await client.send(close_frame(1007))
        assert await handler.until("closed") == 1007
        assert handler.calls == [("connected", "/"), ("rejected", "bad_text"), ("closed", 1007)]


@pytest.mark.parametrize("size", [70_000, 3 << 20])
@on_each_loop
async def test_too_large_message_is_answered_before_the_close_frame(size: int) -> None:
    handler = Recorder()
    async with serving(handler) as port, client_of(port) as client:
        await client.send(bytes(size))
        assert await client.recv() == "frame_too_large"
        assert await close_code(client) == 1009
        assert client.close_reason == "frame_too_large"
        assert await handler.until("closed") == 1009


@on_each_loop
async def test_frame_beyond_what_is_parsed_is_answered_before_the_close_frame() -> None:
    handler = Recorder(echo)
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        # More than the kernel takes from a client whose server does not read.
        size = 16 << 20
        await client.send(text_frame("before"), b"\x82\xff" + size.to_bytes(8) + bytes(4))
        # Read and dropped: a server that closed at once would reset the connection.
        await client.send(bytes(size))
        assert await client.read() == (Opcode.TEXT, b"before")
        assert await client.read() == (Opcode.TEXT, b"frame_too_large")
        assert await client.read_close_code() == 1009
        assert await client.read_to_end() == b""
        assert handler.told("closed") == [1009]


@on_each_loop
async def test_size_limit_counts_all_fragments() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        half = "x" * 40_000
        await client.send(text_frame(half, fin=False), continuation(half, fin=False))
        assert await client.read() == (Opcode.TEXT, b"frame_too_large")
        assert await client.read_close_code() == 1009


@on_each_loop
async def test_nothing_is_delivered_after_a_refusal_although_the_handler_has_not_closed_yet() -> None:
    handler = Recorder(closes_when_rejected=False)
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame(b"\xff"), text_frame(b"\xff"), text_frame("START"))
        assert await client.read() == (Opcode.TEXT, b"bad_text")
        handler.connection.close(1007)
        assert await client.read_close_code() == 1007
        assert handler.calls == [("connected", "/"), ("rejected", "bad_text")]


@on_each_loop
async def test_answers_to_messages_come_before_the_echo_of_a_close_behind_them() -> None:
    handler = Recorder(echo)
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame("STOP"), close_frame(1000))
        assert await client.read() == (Opcode.TEXT, b"STOP")
        assert await client.read_close_code() == 1000
        assert handler.told("closed") == [1000]


@on_each_loop
async def test_broken_framing_is_closed_1002() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(b"\x87\x80" + bytes(4))
        assert await client.read_close_code() == 1002
        assert await handler.until("closed") == 1002


@pytest.mark.parametrize("behind", [b"", PLAIN_GET], ids=["alone", "pipelined"])
@on_each_loop
async def test_plain_get_is_told_to_upgrade(behind: bytes) -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.send(PLAIN_GET + behind)
        head, _, body = (await client.read_to_end()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
        assert b"WebSocket" in body
        assert handler.calls == []


@on_each_loop
async def test_client_that_does_not_finish_the_handshake_is_dropped() -> None:
    handler = Recorder()
    async with serving(handler, Limits(handshake_s=0.02)) as port, raw_client(port) as client:
        await client.send(b"GET / HTTP/1.1\r\n")
        assert await client.read_to_end() == b""
        assert handler.calls == []


@on_each_loop
async def test_close_code_of_the_client_is_told_once() -> None:
    handler = Recorder()
    async with serving(handler) as port:
        async with client_of(port) as client:
            await client.close(4001)
        await handler.until("closed")
        await let_loop_turn()
        assert handler.told("closed") == [4001]


@on_each_loop
async def test_client_that_vanishes_is_told_at_once_as_1006() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        client.reset()
        assert await handler.until("closed") == 1006


@on_each_loop
async def test_nothing_is_delivered_after_a_handler_has_closed() -> None:
    def refuse(connection: Connection, message: str) -> None:
        connection.close(4400, "no")
        connection.send_text(b"too late")
        connection.close(1000)
        connection.pause_reading()

    handler = Recorder(refuse)
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame("one"), text_frame("two"))
        assert await client.read() == (Opcode.CLOSE, (4400).to_bytes(2) + b"no")
        await client.send(close_frame(4400))
        assert await client.read_to_end() == b""
        assert handler.calls == [("connected", "/"), ("text", "one"), ("closed", 4400)]


def fail(connection: Connection, message: str) -> None:
    raise LookupError("of the handler")


@on_each_loop
async def test_failing_handler_is_logged_once_and_closed_1011(caplog: pytest.LogCaptureFixture) -> None:
    handler = Recorder(fail)
    async with serving(handler) as port, client_of(port) as client:
        await client.send("one")
        await client.send("two")
        assert await close_code(client) == 1011
        assert await handler.until("closed") == 1011
        assert handler.told("text") == ["one"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR and record.exc_info is not None
