from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import pytest

import client.lifeline
from client.stream import StreamClient, StreamError, transcribe
from client.view import ErrorEvent, Notice, Result, Started, Stopped
from tests.unit.client.scripted_server import Peer, serving
from tests.unit.client.stream_rig import FRAME, failure_of, numbers, plain_session, read_all, run


def test_a_session_from_start_to_stop() -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await plain_session(peer)

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            assert (client.session_id, client.worker) == ("s1", "w0")
            await client.send(FRAME)
            await client.commit()
            await client.keep_alive()
            sentences = await client.finish()
            assert [sentence.text for sentence in sentences] == ["one", "two"]
            assert client.transcript == "one two"

    run(session())
    assert peers[0].received == ["START", FRAME, "COMMIT", "KEEPALIVE", "STOP"]


def test_options_go_before_start_and_into_the_address() -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await plain_session(peer)

    async def session() -> None:
        async with (
            serving(script) as url,
            StreamClient(url, "my id", "en", ["a", "b"], {"x": "y"}, silence_schedule="offline") as client,
        ):
            await client.finish()

    run(session())
    assert parse_qs(urlsplit(peers[0].path).query) == {
        "session_id": ["my id"],
        "silence_schedule": ["offline"],
    }
    assert peers[0].received == ["LANGUAGE:en", "HOTWORDS:a,b", "POSTPROCESS_HOTWORDS:x=>y", "START", "STOP"]


def test_updates_are_all_messages_from_the_first_to_stopped() -> None:
    async def script(peer: Peer) -> None:
        await peer.until("HOTWORDS:a")
        await peer.say(event="hotwords_set", hotwords=["a"])
        await peer.start()
        await peer.result(partial="on")
        await peer.error("odd_frame")
        await peer.stop("one")

    async def session() -> None:
        async with serving(script) as url, StreamClient(url, hotwords=["a"]) as client:
            reading = asyncio.create_task(read_all(client))
            await client.finish()
            updates = await reading
        kinds = [type(update.message) for update in updates]
        assert kinds == [Notice, Started, Result, ErrorEvent, Result, Stopped]
        assert [update.view.partial for update in updates[2:4]] == ["on", "on"]
        assert updates[-1].view.transcript == "one"
        assert updates[0].text == '{"event": "hotwords_set", "hotwords": ["a"], "seq": 1}'

    run(session())


def test_an_error_that_the_session_outlives_is_only_an_update() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.error("bad_hotwords")
        await peer.stop("one")

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            assert len(await client.finish()) == 1

    run(session())


def test_sentences_locked_by_a_commit_are_followed_by_more() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.until("COMMIT")
        await peer.result("one", final=True)
        await peer.result("one", partial="tw")
        await peer.stop("one", "two")

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            await client.commit()
            assert [sentence.text for sentence in await client.finish()] == ["one", "two"]

    run(session())


@pytest.mark.parametrize(
    "break_it",
    [
        lambda peer: peer.say(event="started", session_id="s2", worker="w0"),
        lambda peer: peer.connection.send(b"binary"),
        lambda peer: peer.connection.send("not json"),
    ],
    ids=["started twice", "binary", "not json"],
)
def test_a_message_out_of_place_breaks_the_protocol(break_it: Callable[[Peer], Awaitable[None]]) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await break_it(peer)
        await peer.connection.wait_closed()

    assert failure_of(script, read_all).code == "protocol_broken"


def test_many_partials_and_a_caller_that_only_sends_do_not_block_each_other() -> None:
    count, audio = 1_500, FRAME * 10

    async def script(peer: Peer) -> None:
        await peer.start()
        # More than all buffers hold, and nothing is read meanwhile: the client has to take it all.
        for number in range(count):
            await peer.result(partial="word " * 500 + str(number))
        await peer.stop("one")
        assert len(peer.audio()) == 200 * len(audio)

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            for _ in range(200):
                await client.send(audio)
            assert [sentence.text for sentence in await client.finish()] == ["one"]
            updates = await read_all(client)
        assert len(updates) < count
        assert updates[-1].view.transcript == "one"
        assert numbers(updates)[-1] == count + 3

    run(session())


def test_a_caller_that_keeps_up_misses_nothing_of_a_burst() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        for number in range(500):
            await peer.result(partial=str(number))
        await peer.stop()

    async def session() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            reading = asyncio.create_task(read_all(client))
            await client.finish()
            assert numbers(await reading) == list(range(1, 504))

    run(session())


def test_a_silent_server_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.lifeline, "START_TIMEOUT_S", 0.02)

    async def script(peer: Peer) -> None:
        await peer.connection.wait_closed()

    error = failure_of(script, read_all)
    assert (error.code, error.retryable) == ("server_silent", True)


def test_a_silent_server_fails_the_finish() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.until("never said")

    error = failure_of(script, lambda client: client.finish(timeout_s=0.02))
    assert error.code == "server_silent"


def test_a_stream_that_is_finished_takes_nothing_more() -> None:
    async def session() -> None:
        async with serving(plain_session) as url, StreamClient(url) as client:
            await client.finish()
            with pytest.raises(RuntimeError, match="stopped"):
                await client.send(FRAME)
            with pytest.raises(RuntimeError, match="stopped"):
                await client.finish()

    run(session())


def test_leaving_early_closes_the_connection_and_ends_the_reader() -> None:
    closes: list[int | None] = []

    async def script(peer: Peer) -> None:
        await peer.start()
        # Unread messages beyond every buffer limit must not hold up the close.
        for _ in range(100):
            await peer.result(partial="word")
        await peer.connection.wait_closed()
        closes.append(peer.connection.close_code)

    async def session() -> None:
        async with serving(script) as url:
            async with StreamClient(url) as client:
                pass
            with pytest.raises(StreamError, match="abandoned"):
                await client.send(FRAME)
        tasks = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in tasks if name.startswith("stream")]

    run(session())
    assert closes == [1000]


def test_half_a_sample_is_not_sent() -> None:
    async def session() -> None:
        async with serving(plain_session) as url, StreamClient(url) as client:
            with pytest.raises(ValueError, match="even number of bytes"):
                await client.send(FRAME[:-1])
            await client.finish()

    run(session())


def test_transcribe_sends_all_frames_and_returns_the_sentences() -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await plain_session(peer)

    async def frames() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield FRAME

    async def session() -> None:
        async with serving(script) as url:
            assert [sentence.text for sentence in await transcribe(url, frames())] == ["one", "two"]

    run(session())
    assert peers[0].audio() == FRAME * 3
