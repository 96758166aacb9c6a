"""Processes that hang for good are replaced under live sessions; those that go on after a while are not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final

import pytest

from tests.support.engines import poisoned
from tests.support.processes import Deployment, Plan
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

PCM: Final = spoken(speech_ms=1_500, silence_ms=800)
HALF: Final = len(PCM) // 4 * 2
# Looks of the supervisor, a start, and a busy machine.
REPLACED_WITHIN_S: Final = 15.0


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(workers=2, gateways=2, flags=("--proxied", "--hang-timeout", "2"))) as deployment:
        yield deployment


async def speak_half(url: str, connections: AsyncExitStack) -> WireClient:
    client = await connections.enter_async_context(wire_client(url))
    await client.start()
    await client.send_audio(PCM[:HALF])
    return client


async def finish(client: WireClient) -> list[object]:
    await client.send_audio(PCM[HALF:])
    return list((await client.stop())["sentences"])


async def stopped_for_good(deployment: Deployment, name: str) -> None:
    """SIGSTOP, and nobody sends SIGCONT; until another process is ready in its place."""
    pid = await asyncio.to_thread(deployment.child_pid, name)
    os.kill(pid, signal.SIGSTOP)
    await eventually(
        lambda: (child := deployment.children()[name]).state == "ready" and child.pid != pid,
        REPLACED_WITHIN_S,
        f"{name} is replaced",
    )


def restarts(deployment: Deployment) -> dict[str, int]:
    return {name: child.restarts for name, child in deployment.children().items() if child.restarts}


@in_loop
async def test_a_worker_that_hangs_is_replaced_and_its_sessions_go_on(deployment: Deployment) -> None:
    url = deployment.live_urls[0]
    expected = (await whole_session(url, PCM)).final["sentences"]
    async with AsyncExitStack() as connections:
        clients = [await speak_half(url, connections) for _ in range(4)]
        worker = clients[0].messages[0]["worker"]
        await stopped_for_good(deployment, f"worker-{worker}")
        for client in clients:
            assert await finish(client) == expected
        assert clients[0].messages[-1]["worker"] != worker
    assert await asyncio.to_thread(restarts, deployment) == {f"worker-{worker}": 1}
    assert (
        f"child died child=worker-{worker} again_s=0.1 how=hung: it said nothing for 2 s\n" in deployment.logs
    )


@in_loop
# The supervisor has ended them before gateways have lost patience, or long after.
@pytest.mark.parametrize("hang_timeout", ["2", "7"])
async def test_a_session_that_hangs_two_workers_is_poison(hang_timeout: str) -> None:
    environ = {"SCRIPTED_ENGINE_POISON": "hang"}
    flags = ("--hang-timeout", hang_timeout)
    with Deployment(Plan(workers=2, flags=flags, environ=environ)) as deployment:
        async with wire_client(deployment.url) as client:
            await client.start()
            await client.send_audio(poisoned(spoken(speech_ms=1_000, silence_ms=0)))
            error = await client.error()
            assert (error["code"], await client.closed()) == ("engine_failed", 1011)
        assert deployment.logs.count("cause=itself") >= 2
        assert deployment.logs.count("how=hung: ") >= 2
        assert "why=poison" in deployment.logs
        states = {"worker-0": "ready", "worker-1": "ready", "gateway-0": "ready"}
        await eventually(
            lambda: {name: child.state for name, child in deployment.children().items()} == states,
            REPLACED_WITHIN_S,
            "all are back",
        )


@in_loop
async def test_a_gateway_that_hangs_is_replaced_and_takes_clients_again(deployment: Deployment) -> None:
    hung, other = deployment.live_urls
    expected = (await whole_session(hung, PCM)).final["sentences"]
    async with AsyncExitStack() as connections:
        client = await speak_half(other, connections)
        await stopped_for_good(deployment, "gateway-0")
        assert await finish(client) == expected
    assert (await whole_session(hung, PCM)).final["sentences"] == expected
    assert await asyncio.to_thread(restarts, deployment) == {"gateway-0": 1}


@in_loop
async def test_nobody_is_killed_who_stands_still_for_less_than_that() -> None:
    with Deployment(Plan(workers=2, gateways=2, flags=("--hang-timeout", "4"))) as deployment:
        children = await asyncio.to_thread(deployment.children)
        pids = [await asyncio.to_thread(deployment.child_pid, name) for name in ("worker-0", "gateway-0")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(2.5)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        # Whoever had not gone on would be found out by now.
        await asyncio.sleep(3.5)
        assert await asyncio.to_thread(deployment.children) == children


@in_loop
async def test_a_supervisor_that_stood_still_kills_nobody() -> None:
    with Deployment(Plan(flags=("--hang-timeout", "2"))) as deployment:
        children = await asyncio.to_thread(deployment.children)
        os.kill(deployment.pid, signal.SIGSTOP)
        await asyncio.sleep(5)
        os.kill(deployment.pid, signal.SIGCONT)
        await asyncio.sleep(3.5)
        assert await asyncio.to_thread(deployment.children) == children
