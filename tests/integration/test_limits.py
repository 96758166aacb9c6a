"""Clients that say nothing, or do not read, are sent away with the reason."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

import pytest

from common.audio import BYTES_PER_SAMPLE
from tests.support.processes import Deployment, Plan
from tests.support.websocket_rig import raw_client, text_frame
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

IDLE_S = 2.0
SLOW_READER_S = 1.0
START_S = 5.0
SESSION_S = 4.0
SEGMENT_CAP_MS = 4_000


def deployment_with(limits: dict[str, float]) -> Deployment:
    flags = tuple(part for flag, value in limits.items() for part in (flag, str(value)))
    return Deployment(Plan(flags=flags))


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    limits = {
        "--idle-timeout": IDLE_S,
        "--slow-reader-timeout": SLOW_READER_S,
        "--segment-cap-ms": SEGMENT_CAP_MS,
    }
    with deployment_with(limits) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def short() -> Iterator[Deployment]:
    """Where sessions, and the time between them, are short."""
    with deployment_with({"--start-timeout": START_S, "--max-session": SESSION_S}) as deployment:
        yield deployment


@in_loop
async def test_silent_client_gets_its_text_then_the_error_then_the_close(deployment: Deployment) -> None:
    async with wire_client(deployment.url) as client:
        await client.start()
        await client.send_audio(spoken(speech_ms=1_500, silence_ms=100))
        code = await client.closed()
        assert code == 4408
        final, stopped, error = client.messages[-3:]
        assert final["is_final"] and len(final["sentences"]) == 1
        assert stopped["event"] == "stopped"
        assert (error["code"], error["retryable"]) == ("idle_timeout", False)


@in_loop
async def test_client_that_only_sends_pings_is_sent_away(deployment: Deployment) -> None:
    async with wire_client(deployment.url, ping_interval_s=IDLE_S / 5) as client:
        assert (await client.error())["code"] == "idle_timeout"
        assert await client.closed() == 4408


@in_loop
async def test_a_session_outlives_a_network_that_is_gone_for_longer_than_the_limit(
    deployment: Deployment,
) -> None:
    """Its pings are not answered; whoever is silent and there gets its session stopped."""
    turn = spoken(speech_ms=1_500, silence_ms=900)
    expected = (await whole_session(deployment.url, turn + turn)).texts
    async with wire_client(deployment.url) as client:
        token = (await client.start())["resume_token"]
        await client.send_audio(turn)
        with client.reading_nothing():
            await eventually(lambda: _dropped(deployment) == 1, 3 * IDLE_S, "the session has lost its client")
            async with wire_client(deployment.url) as again:
                await again.send(f"RESUME:{token}")
                heard = (await again.event("resumed"))["ack"] * BYTES_PER_SAMPLE
                await again.send_audio((turn + turn)[heard:])
                sentences = (await again.stop())["sentences"]
        assert await client.closed() == 4408
        assert "stopped" not in [message.get("event") for message in client.messages]
    assert [sentence["text"] for sentence in sentences] == expected


def _dropped(deployment: Deployment) -> float:
    return deployment.metrics().total("asr_sessions_ended_total", outcome="dropped")


@in_loop
async def test_keepalive_keeps_a_silent_session(deployment: Deployment) -> None:
    async with wire_client(deployment.url) as client:
        await client.start()
        # Real time, as the clock is in another process; three times the limit, and often, so that a machine
        # that is busy is in time.
        for _ in range(30):
            await asyncio.sleep(IDLE_S / 10)
            await client.send("KEEPALIVE")
        await client.send_audio(spoken(speech_ms=500, silence_ms=0))
        assert len((await client.stop())["sentences"]) == 1


async def _keep_alive(client: WireClient) -> None:
    while True:
        await client.send("KEEPALIVE")
        await asyncio.sleep(0.5)


@in_loop
async def test_a_connection_without_a_session_ends_whatever_it_sends(short: Deployment) -> None:
    async with wire_client(short.url) as client:
        alive = asyncio.create_task(_keep_alive(client))
        began_at = time.monotonic()
        error = await client.error()
        alive.cancel()
        assert time.monotonic() - began_at > START_S - 0.1
        assert (error["code"], error["retryable"]) == ("start_timeout", False)
        assert await client.closed() == 4408


@in_loop
async def test_the_time_without_a_session_counts_from_the_end_of_the_last_one(short: Deployment) -> None:
    async with wire_client(short.url) as client:
        came_at = time.monotonic()
        for _ in range(2):
            await asyncio.sleep(START_S * 0.6)
            await client.start()
            await client.send("STOP")
            await client.event("stopped")
        assert time.monotonic() - came_at > START_S
        assert (await client.error())["code"] == "start_timeout"


@in_loop
async def test_a_long_session_gets_its_text_then_the_error_then_the_close(short: Deployment) -> None:
    async with wire_client(short.url) as client:
        await client.start()
        await client.send_audio(spoken(speech_ms=1_500, silence_ms=100))
        alive = asyncio.create_task(_keep_alive(client))
        code = await client.closed()
        alive.cancel()
        assert code == 1008
        final, stopped, error = client.messages[-3:]
        assert final["is_final"] and len(final["sentences"]) == 1
        assert stopped["event"] == "stopped"
        assert (error["code"], error["retryable"]) == ("session_too_long", False)


@in_loop
async def test_no_segment_is_longer_than_the_cap(deployment: Deployment) -> None:
    session = await whole_session(deployment.url, spoken(speech_ms=10_000, silence_ms=0))
    sentences = session.final["sentences"]
    reasons = [sentence["reason"] for sentence in sentences]
    assert len(reasons) > 2 and set(reasons[:-1]) == {"max_length"} and reasons[-1] == "stop"
    borders = [0, *(sentence["endpoint"] for sentence in sentences)]
    assert all(end - start <= SEGMENT_CAP_MS for start, end in itertools.pairwise(borders))
    assert borders[-1] == 10_000


@in_loop
async def test_client_that_does_not_read_is_closed_1008(deployment: Deployment) -> None:
    async with raw_client(deployment.port, receive_buffer_bytes=2_048) as client:
        await client.upgrade()
        # Each is answered with an error of more than 100 bytes: far more than all buffers on the way hold.
        await client.send(*[text_frame("NONSENSE")] * 10_000)
        # The close is behind all of them, and waits for many seconds to be read.
        await asyncio.sleep(SLOW_READER_S + 2)
        assert await client.read_close_code() == 1008
    await eventually(lambda: _slow_readers(deployment) == 1, 5, "the close is counted")


def _slow_readers(deployment: Deployment) -> float:
    return deployment.metrics().total("asr_gateway_closes_total", code="1008", reason="slow_reader")
