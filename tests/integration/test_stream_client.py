"""`StreamClient` and a gateway that is killed: its caller sends on, and finishes as if nothing had been."""

from __future__ import annotations

import asyncio

import pytest

from client.sources import split_frames
from client.stream import StreamClient, Update
from client.view import Lost, Resumed
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer
from tests.support.wire import eventually, in_loop, spoken, whole_session

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

SCHEDULE = "?silence_schedule=inf:500"
FRAMES = list(split_frames([3 * spoken(speech_ms=1_500, silence_ms=900)]))
SAID = len(FRAMES) // 2
"""In the middle of the second sentence."""


@in_loop
async def test_a_session_goes_on_when_its_only_gateway_is_killed_and_started_again() -> None:
    with RedisServer() as redis, Deployment(Plan(environ={"VOXSHARD_REDIS_URL": redis.url})) as deployment:
        expected = (await whole_session(deployment.url + SCHEDULE, b"".join(FRAMES))).texts
        async with StreamClient(deployment.url + SCHEDULE) as stream:
            listening = asyncio.create_task(_updates(stream), name="listen")
            await _send(stream, FRAMES[:SAID])
            await eventually(lambda: stream.view.sentences and stream.view.partial, 20, "half said")
            await asyncio.to_thread(deployment.kill, "gateway-0")
            await _send(stream, FRAMES[SAID:])
            assert [sentence.text for sentence in await stream.finish()] == expected
            kinds = [type(update.message) for update in await listening]
    assert (kinds.count(Lost), kinds.count(Resumed)) == (1, 1)


async def _updates(stream: StreamClient) -> list[Update]:
    return [update async for update in stream.updates()]


async def _send(stream: StreamClient, frames: list[bytes]) -> None:
    for frame in frames:
        await stream.send(frame)
        await asyncio.sleep(0.02)
