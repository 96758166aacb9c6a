"""Workers without gateways and gateways without workers, which find each other by Redis, as pods do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer
from tests.support.wire import eventually, in_loop, spoken, whole_session, wire_client

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

PCM = spoken(speech_ms=2_500, silence_ms=2_500)
FIRST = len(PCM) // 10 * 4
JOINED_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def workers_alone(redis: RedisServer) -> Deployment:
    return Deployment(Plan(workers=1, gateways=0, environ={"VOXSHARD_REDIS_URL": redis.url}))


def gateways_alone(redis: RedisServer) -> Deployment:
    return Deployment(Plan(workers=0, gateways=2, environ={"VOXSHARD_REDIS_URL": redis.url}))


@in_loop
async def test_a_session_moves_on_from_workers_that_are_told_to_stop(redis: RedisServer) -> None:
    with workers_alone(redis) as leaving, gateways_alone(redis) as gateways:
        assert set(leaving.children()) == {"worker-0"}
        assert set(gateways.children()) == {"gateway-0", "gateway-1"}
        expected = (await whole_session(gateways.url, PCM * 2)).final["sentences"]
        async with wire_client(gateways.url) as client:
            started = await client.start()
            assert started["worker"] == f"{leaving.instance}:0"
            await client.send_audio(PCM[:FIRST])
            with workers_alone(redis) as staying:
                await eventually(
                    lambda: _states(gateways) == {leaving.instance: "ready", staying.instance: "ready"},
                    JOINED_WITHIN_S,
                    "the gateways know both",
                )
                ending = asyncio.create_task(asyncio.to_thread(leaving.terminate))
                await eventually(
                    lambda: _states(gateways)[leaving.instance] == "not_ready",
                    JOINED_WITHIN_S,
                    "it drains",
                )
                await client.send_audio(PCM[FIRST:])
                moved = await client.event("moved")
                assert (moved["worker"], await ending) == (f"{staying.instance}:0", 0)
                await client.send_audio(PCM)
                assert (await client.stop())["sentences"] == expected


def _states(gateways: Deployment) -> dict[str, str]:
    """Of the one worker of each instance."""
    return {row.id.removesuffix(":0"): row.state for row in gateways.rows().workers}


@in_loop
async def test_gateways_are_not_ready_without_any_worker(redis: RedisServer) -> None:
    gateways = gateways_alone(redis)
    gateways.start()
    try:
        await eventually(
            lambda: [row.state for row in gateways.rows().gateways] == ["not_ready"] * 2,
            JOINED_WITHIN_S,
            "both answer",
        )
        with workers_alone(redis):
            await asyncio.to_thread(gateways.wait_ready)
            assert (await whole_session(gateways.url, PCM)).final["sentences"]
    finally:
        gateways.close()


@in_loop
async def test_an_instance_that_shares_its_sessions_drains_when_it_is_told_to_stop(
    redis: RedisServer,
) -> None:
    with workers_alone(redis), gateways_alone(redis) as gateways:
        async with wire_client(gateways.url) as client:
            await client.start()
            await client.send_audio(PCM[:FIRST])
            await client.receive_until(lambda message: bool(message.get("partial")))
            ending = asyncio.create_task(asyncio.to_thread(gateways.terminate))
            # In mid-sentence: nobody is cut off, and the sentence ends where the speaker ends it.
            await asyncio.sleep(0.5)
            await client.send_audio(PCM[FIRST:])
            assert await client.closed() == 1012
            assert await ending == 0
        [sentence] = [message for message in client.messages if message.get("sentences")][-1]["sentences"]
        assert sentence["reason"] == "silence"
