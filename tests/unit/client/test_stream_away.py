"""There is no connection: what ends that, and what a caller can do meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import pytest

import client.lifeline
import client.replay
import client.retry
import client.stream
from client.stream import StreamClient, StreamError
from client.view import Lost, Started
from common.audio import SAMPLE_RATE
from tests.unit.client.scripted_server import Peer, Script, each, serving
from tests.unit.client.stream_rig import FRAME, failure_of, read_all, run

pytestmark = pytest.mark.usefixtures("short_pauses")

SECOND = bytes(2 * SAMPLE_RATE)


def lost(within_s: int = 120) -> Script:
    async def script(peer: Peer) -> None:
        await peer.start_resumable(within_s=within_s)
        await peer.lose()

    return script


async def resumed(peer: Peer) -> None:
    await peer.resume()
    await peer.stop("one")


def refusing(code: str, close_code: int, *, retryable: bool = False) -> Script:
    """RESUME is answered with this error."""

    async def script(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        await peer.error(code, retryable=retryable)
        await peer.connection.close(close_code, code)

    return script


def said_over(*scripts: Script, statuses: Iterable[HTTPStatus | None] = ()) -> str:
    """The transcript of a session over these connections."""
    transcript = ""

    async def session() -> None:
        nonlocal transcript
        async with serving(each(*scripts), statuses) as url, StreamClient(url) as stream:
            await stream.send(FRAME)
            await stream.finish()
            transcript = stream.transcript

    run(session())
    return transcript


@pytest.mark.parametrize(
    "status", [HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT]
)
def test_a_proxy_without_a_server_is_asked_again(status: HTTPStatus) -> None:
    assert said_over(lost(), resumed, statuses=[None, status, status]) == "one"


def test_a_server_that_cannot_look_the_session_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.retry, "LATER_S", 0.0)
    assert said_over(lost(), refusing("registry_away", 1013, retryable=True), resumed) == "one"


def test_a_server_that_says_nothing_to_resume_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    usual_s = client.lifeline.START_TIMEOUT_S

    async def breaks(peer: Peer) -> None:
        await peer.start_resumable()
        monkeypatch.setattr(client.lifeline, "START_TIMEOUT_S", 0.05)
        await peer.lose()

    async def silent(peer: Peer) -> None:
        await peer.until("never said")
        monkeypatch.setattr(client.lifeline, "START_TIMEOUT_S", usual_s)

    assert said_over(breaks, silent, resumed) == "one"


@pytest.mark.parametrize(
    ("code", "close_code"), [("bad_resume_token", 4403), ("session_unknown", 4404), ("resume_expired", 4410)]
)
def test_a_session_that_nobody_knows_any_more_is_over(code: str, close_code: int) -> None:
    error = failure_of(each(lost(), refusing(code, close_code)), read_all)
    assert (error.code, error.close_code, error.retryable) == (code, close_code, False)


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
def test_who_is_not_let_in_any_more_does_not_try_again(status: HTTPStatus) -> None:
    async def session() -> None:
        async with serving(each(lost()), [None, status]) as url, StreamClient(url) as stream:
            with pytest.raises(StreamError, match=f"HTTP {status.value}"):
                await stream.finish()

    run(session())


def test_when_the_window_is_over_the_first_loss_is_the_error() -> None:
    async def breaks(peer: Peer) -> None:
        await peer.start_resumable(within_s=1)
        await peer.error("restarting", "shutting down", retryable=True)
        await peer.connection.close(1012)

    async def session() -> None:
        refusals = [None, *[HTTPStatus.BAD_GATEWAY] * 100]
        async with serving(each(breaks), refusals) as url, StreamClient(url) as stream:
            with pytest.raises(StreamError, match="restarting: shutting down; tried to resume for"):
                await stream.finish()

    run(session())


def test_a_server_that_is_not_there_is_asked_again_until_the_window_is_over() -> None:
    async def session() -> None:
        async with serving(each(lost(within_s=1))) as url:
            stream = await StreamClient(url).__aenter__()
        with pytest.raises(StreamError, match=r"code 1006\); tried to resume"):
            await stream.finish()
        await stream.__aexit__(None, None, None)

    run(session())


def test_a_loss_is_the_end_for_who_does_not_resume() -> None:
    async def session() -> None:
        async with serving(each(lost())) as url, StreamClient(url, resume=False) as stream:
            seen = []
            with pytest.raises(StreamError, match="connection_closed"):
                async for update in stream.updates():
                    seen.append(type(update.message))  # noqa: PERF401 - what was seen before the failure counts
        assert seen == [Started]

    run(session())


async def until_lost(stream: StreamClient) -> None:
    async for update in stream.updates():
        if isinstance(update.message, Lost):
            return


async def is_waiting(task: asyncio.Task[Any]) -> bool:
    done, _ = await asyncio.wait({task}, timeout=0.05)
    return not done


def test_a_sender_waits_when_no_more_can_be_kept_and_goes_on_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.replay, "KEPT", 3 * SAMPLE_RATE)
    peers: list[Peer] = []
    may_resume = asyncio.Event()

    async def settles_one(peer: Peer) -> None:
        peers.append(peer)
        await peer.until("RESUME:t1")
        await may_resume.wait()
        await peer.resumed()
        await peer.until(SECOND)
        await peer.say(event="ack", ack=SAMPLE_RATE)
        await peer.stop("one")

    async def session() -> None:
        async with serving(each(lost(), settles_one)) as url, StreamClient(url) as stream:
            await until_lost(stream)
            for _ in range(3):
                await stream.send(SECOND)
            more = asyncio.create_task(stream.send(SECOND))
            assert await is_waiting(more)
            may_resume.set()
            await more
            await stream.finish()

    run(session())
    assert peers[0].audio() == SECOND * 4


def test_a_sender_that_waits_for_room_is_told_when_the_window_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client.replay, "KEPT", SAMPLE_RATE)

    async def session() -> None:
        refusals = [None, *[HTTPStatus.BAD_GATEWAY] * 100]
        async with serving(each(lost(within_s=1)), refusals) as url, StreamClient(url) as stream:
            await stream.send(SECOND)
            with pytest.raises(StreamError, match="tried to resume"):
                await stream.send(SECOND)

    run(session())


def test_a_server_that_settles_nothing_is_sent_on_but_cannot_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.replay, "KEPT", 2 * SAMPLE_RATE)
    monkeypatch.setattr(client.stream, "ROOM_TIMEOUT_S", 0.02)

    async def settles_nothing(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.until("COMMIT")
        assert peer.audio() == SECOND * 3
        await peer.lose()

    async def session() -> None:
        async with serving(each(settles_nothing, resumed)) as url, StreamClient(url) as stream:
            for _ in range(3):
                await stream.send(SECOND)
            await stream.commit()
            with pytest.raises(StreamError, match=r"resume_gap: 1\.0 s of audio"):
                await stream.finish()

    run(session())


def test_finish_does_not_count_the_time_without_a_connection() -> None:
    async def takes_its_time(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        await asyncio.sleep(0.6)
        # On a busy machine the answer is there when the time that `finish` waits is just over.
        time.sleep(0.6)  # noqa: ASYNC251
        await peer.resumed()
        await peer.stop("one")

    async def session() -> None:
        async with serving(each(lost(), takes_its_time)) as url, StreamClient(url) as stream:
            await until_lost(stream)
            assert [sentence.text for sentence in await stream.finish(timeout_s=0.5)] == ["one"]

    run(session())


def test_a_caller_that_is_cancelled_while_there_is_no_connection_leaves_nothing_behind() -> None:
    async def session() -> None:
        statuses = [None, *[HTTPStatus.BAD_GATEWAY] * 100]
        async with serving(each(lost()), statuses) as url:
            async with StreamClient(url) as stream:
                finishing = asyncio.create_task(stream.finish())
                assert await is_waiting(finishing)
                finishing.cancel()
                await asyncio.wait({finishing})
                assert finishing.cancelled()
            with pytest.raises(StreamError, match="abandoned"):
                await read_all(stream)

    run(session())


def test_leaving_while_there_is_no_connection_waits_for_none() -> None:
    async def session() -> None:
        async with serving(each(lost()), [None, *[HTTPStatus.BAD_GATEWAY] * 100]) as url:
            async with StreamClient(url) as stream:
                await until_lost(stream)
            with pytest.raises(StreamError, match="abandoned"):
                await stream.send(SECOND)

    run(session())


def test_leaving_while_the_server_is_asked_closes_the_connection() -> None:
    asked, closes = asyncio.Event(), []

    async def is_left(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        asked.set()
        await peer.connection.wait_closed()
        closes.append(peer.connection.close_code)

    async def session() -> None:
        async with serving(each(lost(), is_left)) as url, StreamClient(url) as stream:
            await asked.wait()
            await stream.send(SECOND)

    run(session())
    assert closes == [1000]
