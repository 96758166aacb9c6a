"""A connection is lost, wherever that can be, and the session goes on over another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import client.replay
from client.stream import StreamClient, Update
from client.view import ErrorEvent, Lost, Message, Result, Resumed, Stopped
from common.audio import SAMPLE_RATE
from tests.unit.client.scripted_server import Peer, Script, each, serving
from tests.unit.client.stream_rig import run

pytestmark = pytest.mark.usefixtures("short_pauses")

SAMPLES = 1_600
"""Of a frame."""


def frame(number: int) -> bytes:
    """Like no other."""
    return bytes([number, number + 1]) * SAMPLES


def frames(count: int) -> bytes:
    return b"".join(frame(number) for number in range(count))


def after(samples: int, count: int) -> bytes:
    """What is left of so many frames."""
    return frames(count)[2 * samples :]


def lost_after(*awaited: str, kept: list[Peer] | None = None) -> Script:
    """A session whose connection breaks when one of these has come, or at once."""

    async def script(peer: Peer) -> None:
        if kept is not None:
            kept.append(peer)
        await peer.start_resumable()
        if awaited:
            await peer.until(*awaited)
        await peer.lose()

    return script


def resumed_and_stopped(
    *texts: str, ack: int = 0, token: str = "t1", duration_ms: int = 5_000, kept: list[Peer]
) -> Script:
    """The session is resumed, and ends with these sentences."""

    async def script(peer: Peer) -> None:
        kept.append(peer)
        await peer.resume(ack=ack, token=token)
        await peer.until("STOP")
        await peer.stop_unasked(*texts, duration_ms=duration_ms)

    return script


async def hear(updates: AsyncIterator[Update], kind: type[Message | Lost]) -> Update:
    """The next one of this kind."""
    async for update in updates:
        if isinstance(update.message, kind):
            return update
    raise AssertionError(f"no {kind.__name__}")


def test_a_loss_in_mid_sentence_is_told_and_the_transcript_goes_on() -> None:
    peers: list[Peer] = []

    async def breaks(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.until(frame(1))
        await peer.result("one", partial="tw", ack=SAMPLES + 10)
        await peer.lose()

    async def session() -> None:
        scripts = breaks, resumed_and_stopped("one", "two", ack=SAMPLES + 10, kept=peers)
        async with serving(each(*scripts)) as url, StreamClient(url, "mine") as stream:
            updates = stream.updates()
            for number in range(2):
                await stream.send(frame(number))
            lost = await hear(updates, Lost)
            assert (lost.view.transcript, lost.view.partial, stream.worker) == ("one", "tw", "w0")
            await stream.send(frame(2))
            await stream.keep_alive()
            assert [sentence.text for sentence in await stream.finish()] == ["one", "two"]
            rest = [type(update.message) async for update in updates]
            assert rest == [Resumed, Result, Result, Stopped]

    run(session())
    assert peers[0].path == "/?resume=true"
    assert peers[0].audio() == after(SAMPLES + 10, 3)
    assert [said for said in peers[0].received if isinstance(said, str)] == ["RESUME:t1", "STOP"]


def finished_after(*scripts: Script, count: int = 2) -> list[str]:
    """The texts of a session of so many frames, over these connections."""
    said: list[str] = []

    async def session() -> None:
        async with serving(each(*scripts)) as url, StreamClient(url) as stream:
            for number in range(count):
                await stream.send(frame(number))
            said.extend(sentence.text for sentence in await stream.finish())

    run(session())
    return said


def test_a_stop_that_did_not_arrive_is_said_again() -> None:
    peers: list[Peer] = []

    async def breaks(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.connection.recv()
        await peer.lose()

    assert finished_after(breaks, resumed_and_stopped("one", kept=peers)) == ["one"]
    assert peers[0].audio() == frames(2)
    assert peers[0].received[-1] == "STOP"


def test_a_stop_that_arrived_is_said_again_when_its_answer_is_lost() -> None:
    peers: list[Peer] = []
    stopped = resumed_and_stopped("one", ack=SAMPLES, kept=peers)
    assert finished_after(lost_after("STOP"), stopped) == ["one"]
    assert peers[0].received == ["RESUME:t1", frame(1), "STOP"]


def test_a_session_that_had_ended_when_it_was_lost_has_all_sentences() -> None:
    async def has_ended(peer: Peer) -> None:
        await peer.resume("one", "two", ack=2 * SAMPLES, final=True)
        await peer.say(event="stopped", session_id="s1")
        await peer.connection.wait_closed()

    async def breaks(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.until("STOP")
        await peer.result("one")
        await peer.lose()

    assert finished_after(breaks, has_ended) == ["one", "two"]


def test_a_commit_without_an_answer_is_given_again_at_its_place() -> None:
    peers: list[Peer] = []

    async def session() -> None:
        scripts = lost_after("COMMIT"), resumed_and_stopped("one", ack=10, kept=peers)
        async with serving(each(*scripts)) as url, StreamClient(url) as stream:
            await stream.send(frame(0))
            await stream.commit()
            updates = stream.updates()
            await hear(updates, Resumed)
            await stream.send(frame(1))
            await stream.finish()
            assert isinstance([update.message async for update in updates][-1], Stopped)

    run(session())
    assert peers[0].received == ["RESUME:t1", frame(0)[20:], "COMMIT", frame(1), "STOP"]


def test_a_loss_while_the_server_takes_no_more_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    # More than all buffers hold is on its way when the sender waits.
    count, second = 500, bytes(range(250)) * 128
    monkeypatch.setattr(client.replay, "KEPT", 2 * count * SAMPLE_RATE)
    peers: list[Peer] = []
    sender_waits, sent = asyncio.Event(), 0

    async def reads_nothing(peer: Peer) -> None:
        await peer.start_resumable()
        peer.connection.transport.pause_reading()
        await sender_waits.wait()
        peer.cut()

    async def send_all(stream: StreamClient) -> None:
        nonlocal sent
        for _ in range(count):
            await stream.send(second)
            sent += 1

    async def session() -> None:
        scripts = reads_nothing, resumed_and_stopped("one", duration_ms=count * 1_000, kept=peers)
        async with serving(each(*scripts)) as url, StreamClient(url) as stream:
            sending = asyncio.create_task(send_all(stream))
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < count
            sender_waits.set()
            await sending
            await stream.finish()

    run(session())
    assert peers[0].audio() == second * count


def test_losses_in_a_row_are_one_session() -> None:
    """While it is resumed, while it is told again what was said, and behind that."""
    peers: list[Peer] = []

    async def breaks_when_asked(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        await peer.lose()

    async def breaks_while_it_is_told(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        await peer.resumed(ack=SAMPLES)
        await peer.connection.recv()
        await peer.lose()

    async def breaks_before_it_stopped(peer: Peer) -> None:
        await peer.until("RESUME:t2")
        await peer.resumed(ack=SAMPLES)
        await peer.result("one", ack=2 * SAMPLES)
        await peer.until("STOP")
        await peer.lose()

    said = finished_after(
        lost_after("STOP"),
        breaks_when_asked,
        breaks_while_it_is_told,
        breaks_before_it_stopped,
        resumed_and_stopped("one", "two", ack=2 * SAMPLES, token="t2", kept=peers),
        count=3,
    )
    assert said == ["one", "two"]
    assert peers[0].audio() == after(2 * SAMPLES, 3)


def test_an_error_of_a_server_that_goes_away_is_an_update_and_then_a_loss() -> None:
    peers: list[Peer] = []

    async def goes_away(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.error("restarting", "shutting down", retryable=True)
        await peer.connection.close(1012)

    async def session() -> None:
        scripts = goes_away, resumed_and_stopped(kept=peers)
        async with serving(each(*scripts)) as url, StreamClient(url) as stream:
            updates = stream.updates()
            error = await hear(updates, ErrorEvent)
            lost = await hear(updates, Lost)
            assert isinstance(error.message, ErrorEvent)
            assert (error.message.code, lost.message) == ("restarting", Lost("restarting", "shutting down"))
            await hear(updates, Resumed)
            await stream.finish()
            assert isinstance([update.message async for update in updates][-1], Stopped)

    run(session())


def test_a_sentence_that_the_server_lost_is_said_once() -> None:
    async def breaks(peer: Peer) -> None:
        await peer.start_resumable()
        await peer.result("one", "two", ack=SAMPLES)
        await peer.until("COMMIT")
        await peer.lose()

    async def says_it_again(peer: Peer) -> None:
        await peer.resume("one", ack=SAMPLES)
        await peer.result("one", partial="tw", ack=SAMPLES)
        await peer.until("COMMIT")
        await peer.result("one", "too", final=True, ack=2 * SAMPLES)
        await peer.stop("one", "too", "three")

    async def session() -> None:
        async with serving(each(breaks, says_it_again)) as url, StreamClient(url) as stream:
            await stream.send(frame(0))
            await stream.commit()
            assert [sentence.text for sentence in await stream.finish()] == ["one", "two", "three"]
            views = [update.view async for update in stream.updates()]
        assert [view.transcript for view in views[1:]] == ["one two"] * 6 + ["one two three"] * 2
        assert [view.partial for view in views if view.partial] == []

    run(session())
