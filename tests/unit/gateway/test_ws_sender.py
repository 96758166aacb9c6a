"""The sending half against clients that read late, never, or not at all: flow, pings, closing, aborting."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from gateway.connection import Connection, Limits
from tests.support.websocket_rig import (
    RawClient,
    Recorder,
    close_frame,
    let_loop_turn,
    on_each_loop,
    raw_client,
    serving,
    text_frame,
)

LINE = b"x" * 1_000
SMALL_BUFFER_BYTES = 4_096
# More than the kernel buffers of both ends and the high water mark hold together.
MANY = 600


def send_many(connection: Connection, message: str) -> None:
    for _ in range(MANY):
        connection.send_text(LINE)


def send_many_and_close(connection: Connection, message: str) -> None:
    send_many(connection, message)
    connection.close(1008, "slow_reader")


async def read_lines(client: RawClient) -> None:
    for _ in range(MANY):
        assert await client.read() == (Opcode.TEXT, LINE)


@on_each_loop
async def test_client_that_does_not_read_shows_and_reading_makes_writable_again() -> None:
    handler = Recorder(send_many)
    async with serving(handler) as port, raw_client(port, SMALL_BUFFER_BYTES) as client:
        await client.upgrade()
        writable_at_first = handler.connection.writable
        await client.send(text_frame("go"))
        await handler.until("text")
        await let_loop_turn()
        assert (writable_at_first, handler.connection.writable) == (True, False)
        assert handler.connection.buffered_bytes > Limits().high_water_bytes
        await read_lines(client)
        assert await handler.until("writable") is True
        assert handler.connection.buffered_bytes == 0


@on_each_loop
async def test_slow_reader_gets_all_that_was_sent_and_then_the_close_frame() -> None:
    handler = Recorder(send_many_and_close)
    async with serving(handler) as port, raw_client(port, SMALL_BUFFER_BYTES) as client:
        await client.upgrade()
        await client.send(text_frame("go"))
        await handler.until("text")
        await let_loop_turn()
        assert handler.told("closed") == []
        await read_lines(client)
        assert await client.read_close_code() == 1008
        await client.send(close_frame(1008))
        assert await handler.until("closed") == 1008
        # A handler that has closed wants to hear of nothing but the end.
        assert handler.told("writable") == []


@on_each_loop
async def test_client_that_never_reads_is_aborted_after_the_close_time() -> None:
    handler = Recorder(send_many_and_close)
    async with serving(handler, Limits(close_s=0.02)) as port, raw_client(port, SMALL_BUFFER_BYTES) as client:
        await client.upgrade()
        await client.send(text_frame("go"))
        assert await handler.until("closed") == 1008
        assert len(await client.read_to_end()) < MANY * len(LINE)


@on_each_loop
async def test_client_that_does_not_answer_a_close_is_aborted_after_the_close_time() -> None:
    handler = Recorder()
    async with serving(handler, Limits(close_s=0.02)) as port, raw_client(port) as client:
        await client.upgrade()
        handler.connection.close(1012)
        assert await client.read_close_code() == 1012
        assert await handler.until("closed") == 1012


@on_each_loop
async def test_client_that_ends_its_stream_and_never_reads_is_aborted_after_the_close_time() -> None:
    handler = Recorder(send_many)
    limits = Limits(close_s=0.02)
    async with serving(handler, limits) as port, raw_client(port, SMALL_BUFFER_BYTES) as client:
        await client.upgrade()
        await client.send(text_frame("go"))
        await handler.until("text")
        client.end_stream()
        assert await handler.until("closed") == 1006
        await asyncio.sleep(2 * limits.close_s)
        assert len(await client.read_to_end()) < MANY * len(LINE)


@on_each_loop
async def test_abort_ends_at_once_without_a_close_frame() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        handler.connection.abort()
        assert await client.read_to_end() == b""
        assert handler.told("closed") == [1006]


@on_each_loop
async def test_close_code_that_cannot_be_sent_is_a_handler_failure() -> None:
    handler = Recorder(lambda connection, message: connection.close(1006))
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame("go"))
        assert await client.read_close_code() == 1011


@on_each_loop
async def test_pings_go_out_and_are_not_waited_for() -> None:
    handler = Recorder()
    async with serving(handler, Limits(ping_interval_s=0.01)) as port, raw_client(port) as client:
        await client.upgrade()
        for _ in range(3):
            assert (await client.read())[0] is Opcode.PING
        assert handler.told("closed") == []
        assert handler.connection.unanswered_pings >= 3


@on_each_loop
async def test_whatever_comes_from_the_client_answers_its_pings() -> None:
    unanswered: list[int] = []
    handler = Recorder(lambda connection, message: unanswered.append(connection.unanswered_pings))
    async with serving(handler, Limits(ping_interval_s=0.01)) as port, raw_client(port) as client:
        await client.upgrade()
        assert (await client.read())[0] is Opcode.PING
        await client.send(text_frame("here"))
        await handler.until("text")
    assert unanswered == [0]


@on_each_loop
async def test_client_that_only_pings_and_never_reads_is_cut() -> None:
    handler = Recorder()
    async with serving(handler, Limits(unread_bytes=10_000)) as port, raw_client(port) as client:
        await client.upgrade()
        pings = Frame(Opcode.PING, bytes(125)).serialize(mask=True) * 1_000
        with pytest.raises(ConnectionError):
            while True:
                await client.send(pings)
        assert await handler.until("closed") == 1006


@on_each_loop
async def test_closing_waits_for_unread_texts_whatever_the_client_sends() -> None:
    handler = Recorder(send_many_and_close)
    async with (
        serving(handler, Limits(unread_bytes=10_000)) as port,
        raw_client(port, SMALL_BUFFER_BYTES) as client,
    ):
        await client.upgrade()
        await client.send(text_frame("go"))
        await handler.until("text")
        await client.send(text_frame("more"), Frame(Opcode.PING, b""))
        await let_loop_turn()
        await read_lines(client)
        # No pong: nothing follows a close frame.
        assert await client.read() == (Opcode.CLOSE, (1008).to_bytes(2) + b"slow_reader")
        await client.send(close_frame(1008))
        assert await client.read_to_end() == b""


@on_each_loop
async def test_paused_connection_delivers_nothing_until_it_is_resumed() -> None:
    handler = Recorder(lambda connection, message: connection.pause_reading())
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame("one"))
        await handler.until("text")
        await client.send(text_frame("two"))
        await let_loop_turn()
        assert handler.told("text") == ["one"]
        handler.connection.resume_reading()
        handler.connection.resume_reading()
        assert await handler.until("text", count=2) == "two"


@on_each_loop
async def test_messages_read_before_a_pause_are_still_delivered() -> None:
    handler = Recorder(lambda connection, message: connection.pause_reading())
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(text_frame("one"), text_frame("two"))
        assert await handler.until("text", count=2) == "two"


@on_each_loop
async def test_closing_while_paused_still_sees_the_answer_of_the_client() -> None:
    handler = Recorder()
    async with serving(handler) as port, raw_client(port) as client:
        await client.upgrade()
        handler.connection.pause_reading()
        handler.connection.close(1000)
        assert await client.read_close_code() == 1000
        await client.send(close_frame(1000))
        assert await client.read_to_end() == b""
        assert handler.told("closed") == [1000]


@on_each_loop
async def test_flood_behind_our_close_frame_is_left_in_its_socket() -> None:
    handler = Recorder()
    limits = Limits(close_s=0.1, closing_bytes=1_000)
    async with serving(handler, limits) as port, raw_client(port) as client:
        await client.upgrade()
        handler.connection.close(1008)
        # Far more than two sockets hold: read at all, it would be sent in a moment.
        flood = asyncio.ensure_future(client.send(bytes(32 << 20)))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await flood
        assert await handler.until("closed") == 1008
