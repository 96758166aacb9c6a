"""`StreamClient` and a server of which nothing is heard although nobody has hung up: its network is gone, for
long or for a moment, or it does not read."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

import client.connection
from client.sources import split_frames
from client.stream import StreamClient
from client.view import Lost, Resumed
from tests.support.network import Host, network_or_skip
from tests.support.processes import Deployment, Plan
from tests.support.wire import eventually, in_loop, spoken, whole_session

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

SCHEDULE = "?silence_schedule=inf:500"
PCM = spoken(speech_ms=1_500, silence_ms=900) * 4
FRAMES = list(split_frames([PCM]))
SAID = len(FRAMES) // 2
LIMIT_S = 2.0
# Repeats come 0.2, 0.6, 1.4 and 3 s after what they repeat, and there is a look each second.
AWAY_S = 0.5
NOTICED_WITHIN_S = 6.0
STOPPED_S = 4 * LIMIT_S


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.connection, "VANISHED_AFTER_S", LIMIT_S)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with network_or_skip(hosts=1) as network:
        yield network.hosts[0]


@pytest.fixture(scope="module")
def deployment(host: Host) -> Iterator[Deployment]:
    with Deployment(Plan(host=host.address, netns=host.netns)) as deployment:
        yield deployment


@in_loop
async def test_a_network_that_is_gone_is_noticed_and_the_session_goes_on_when_it_is_back(
    host: Host, deployment: Deployment
) -> None:
    expected = await _undisturbed(deployment, PCM)
    async with StreamClient(deployment.url + SCHEDULE) as stream:
        listening, changes = _listen(stream)
        await _send(stream, FRAMES[:SAID])
        with host.unplugged():
            await _send(stream, FRAMES[SAID:])
            await eventually(lambda: changes, NOTICED_WITHIN_S, "the loss is noticed")
        assert [sentence.text for sentence in await stream.finish()] == expected
        await listening
    assert changes == ["server_vanished", "resumed"]


@in_loop
async def test_a_network_that_is_gone_for_a_moment_costs_no_connection(
    host: Host, deployment: Deployment
) -> None:
    expected = await _undisturbed(deployment, PCM)
    async with StreamClient(deployment.url + SCHEDULE) as stream:
        listening, changes = _listen(stream)
        await _send(stream, FRAMES[:SAID])
        with host.unplugged():
            await stream.send(FRAMES[SAID])
            await asyncio.sleep(AWAY_S)
        await _send(stream, FRAMES[SAID + 1 :])
        assert [sentence.text for sentence in await stream.finish()] == expected
        await listening
    assert changes == []


@in_loop
async def test_a_server_that_does_not_read_is_waited_for(deployment: Deployment) -> None:
    pcm = PCM * 8
    expected = await _undisturbed(deployment, pcm)
    async with StreamClient(deployment.url + SCHEDULE) as stream:
        listening, changes = _listen(stream)
        os.kill(gateway := deployment.child_pid("gateway-0"), signal.SIGSTOP)
        try:
            speaking = asyncio.create_task(stream.send(pcm), name="speak")
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(gateway, signal.SIGCONT)
        await speaking
        assert [sentence.text for sentence in await stream.finish()] == expected
        await listening
    assert changes == []


async def _undisturbed(deployment: Deployment, pcm: bytes) -> list[str]:
    return (await whole_session(deployment.url + SCHEDULE, pcm)).texts


def _listen(stream: StreamClient) -> tuple[asyncio.Task[None], list[str]]:
    """Until the session ends; what becomes of its connection."""
    changes: list[str] = []

    async def listen() -> None:
        async for update in stream.updates():
            match update.message:
                case Lost(code):
                    changes.append(code)
                case Resumed():
                    changes.append("resumed")

    return asyncio.create_task(listen(), name="listen"), changes


async def _send(stream: StreamClient, frames: list[bytes]) -> None:
    for frame in frames:
        await stream.send(frame)
        await asyncio.sleep(0.02)
