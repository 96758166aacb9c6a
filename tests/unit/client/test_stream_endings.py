from __future__ import annotations

import asyncio

import pytest

from client.stream import StreamClient, StreamError, Update
from client.view import ErrorEvent, Stopped
from tests.unit.client.scripted_server import Peer, serving
from tests.unit.client.stream_rig import FRAME, failure_of, read_all, run


def test_an_error_event_is_the_cause_of_the_close_that_follows() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.error("worker_lost", "the worker died", retryable=True)
        await peer.connection.close(1012)

    seen: list[Update] = []

    async def read(client: StreamClient) -> None:
        async for update in client.updates():
            seen.append(update)  # noqa: PERF401 - what was seen before the failure counts

    error = failure_of(script, read)
    assert (error.code, error.message) == ("worker_lost", "the worker died")
    assert (error.retryable, error.close_code) == (True, 1012)
    assert isinstance(seen[-1].message, ErrorEvent)


def test_a_sender_learns_the_cause_from_the_error_event() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.error("idle_timeout")
        await peer.connection.close(4408)

    async def send_on(client: StreamClient) -> None:
        while True:
            await client.send(FRAME)

    assert failure_of(script, send_on).code == "idle_timeout"


@pytest.mark.parametrize(
    ("code", "retryable", "close_code"), [("restarting", True, 1012), ("idle_timeout", False, 4408)]
)
def test_the_error_after_a_stop_by_the_server_ends_the_session(
    code: str, retryable: bool, close_code: int
) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.stop_unasked("one", "two")
        await peer.error(code, retryable=retryable)
        await peer.connection.close(close_code)

    async def send_on(client: StreamClient) -> None:
        while True:
            await client.send(FRAME)

    for act in (read_all, send_on):
        error = failure_of(script, act)
        assert (error.code, error.retryable, error.close_code) == (code, retryable, close_code)


def test_a_finish_after_a_stop_by_the_server_fails_with_its_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.stop_unasked("one")
        await peer.until("STOP")
        await peer.error("restarting", retryable=True)
        await peer.connection.close(1012)

    async def finish(client: StreamClient) -> None:
        async for update in client.updates():
            if isinstance(update.message, Stopped):
                await client.finish()

    assert failure_of(script, finish).code == "restarting"


def test_an_unread_stopped_is_no_answer_to_a_finish_on_a_closed_connection() -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.start()
        # Enough that the reader is still at it when the connection is closing.
        for number in range(10):
            await peer.result(partial=str(number))
        await peer.stop_unasked("one")
        await peer.error("restarting", retryable=True)
        await peer.connection.close(1012)
        closed.set()

    async def finish(client: StreamClient) -> None:
        await closed.wait()
        await client.finish()

    assert failure_of(script, finish).code == "restarting"


@pytest.mark.parametrize(("close_code", "retryable"), [(1012, True), (4408, False), (1000, False)])
def test_a_close_right_after_a_stop_by_the_server_ends_the_session_with_its_code(
    close_code: int, retryable: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.stop_unasked("one")
        await peer.connection.close(close_code)

    error = failure_of(script, read_all)
    assert (error.code, error.retryable, error.close_code) == ("connection_closed", retryable, close_code)


def test_sentences_locked_by_a_stop_of_the_server_outlive_the_session() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.result("one", partial="tw")
        await peer.stop_unasked("one", "two")
        await peer.error("restarting", retryable=True)
        await peer.connection.close(1012)

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            with pytest.raises(StreamError, match="restarting"):
                await read_all(client)
        assert client.transcript == "one two"

    run(session())


def test_a_stop_by_the_server_alone_leaves_the_session_open() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.stop_unasked("one")
        await peer.until("KEEPALIVE")
        await peer.error("restarting", retryable=True)
        await peer.connection.close(1012)

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            with pytest.raises(StreamError, match="restarting"):
                async for update in client.updates():
                    if isinstance(update.message, Stopped):
                        await client.keep_alive()

    run(session())


def test_an_error_event_before_started_fails_the_entry() -> None:
    async def script(peer: Peer) -> None:
        await peer.error("no_worker", retryable=True)
        await peer.connection.close(1013)

    error = failure_of(script, read_all)
    assert (error.code, error.close_code) == ("no_worker", 1013)


def test_an_abrupt_close_fails_reader_sender_and_finish() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.lose()

    async def send_on(client: StreamClient) -> None:
        while True:
            await client.send(FRAME)

    for act in (read_all, send_on, StreamClient.finish):
        error = failure_of(script, act)
        assert (error.code, error.close_code, error.retryable) == ("connection_closed", 1006, True)


def test_a_close_without_stopped_is_a_failure_even_if_it_is_polite() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.until("STOP")
        await peer.result("one", final=True)

    error = failure_of(script, StreamClient.finish)
    assert (error.code, error.close_code) == ("connection_closed", 1000)


def test_a_gap_in_seq_fails_the_session_and_tells_the_server() -> None:
    closes: list[int | None] = []

    async def script(peer: Peer) -> None:
        await peer.start()
        peer.seq += 1
        await peer.result("one")
        await peer.connection.wait_closed()
        closes.append(peer.connection.close_code)

    error = failure_of(script, read_all)
    assert (error.code, error.retryable, error.close_code) == ("protocol_broken", False, None)
    assert "message 3 came after message 1" in error.message
    assert closes == [1002]
