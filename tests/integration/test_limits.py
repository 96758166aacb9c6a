"""Clients that say nothing, or do not read, are sent away with the reason."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.websocket_rig import raw_client, text_frame
from tests.support.wire import eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

IDLE_S = 1.0
SLOW_READER_S = 1.0
SEGMENT_CAP_MS = 4_000


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    limits = {
        "--idle-timeout": IDLE_S,
        "--slow-reader-timeout": SLOW_READER_S,
        "--segment-cap-ms": SEGMENT_CAP_MS,
    }
    flags = tuple(part for flag, value in limits.items() for part in (flag, str(value)))
    with Deployment(Plan(flags=flags)) as deployment:
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
async def test_keepalive_keeps_a_silent_session(deployment: Deployment) -> None:
    async with wire_client(deployment.url) as client:
        await client.start()
        # Real time, as the clock is in another process; three times the limit.
        for _ in range(6):
            await asyncio.sleep(IDLE_S / 2)
            await client.send("KEEPALIVE")
        await client.send_audio(spoken(speech_ms=500, silence_ms=0))
        assert len((await client.stop())["sentences"]) == 1


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
        await asyncio.sleep(SLOW_READER_S + 0.5)
        assert await client.read_close_code() == 1008
    await eventually(lambda: _slow_readers(deployment) == 1, 5, "the close is counted")


def _slow_readers(deployment: Deployment) -> float:
    return deployment.metrics().total("asr_gateway_closes_total", code="1008", reason="slow_reader")
