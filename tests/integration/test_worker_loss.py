"""A worker that is killed takes nothing with it: its sessions go on with others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

PCM = spoken(speech_ms=2_500, silence_ms=500)
HALF = len(PCM) // 4 * 2
SESSIONS = 6


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(workers=2)) as deployment:
        yield deployment


async def _speak_half(url: str, connections: AsyncExitStack) -> tuple[str, WireClient]:
    """A client in mid-sentence, and its worker."""
    client = await connections.enter_async_context(wire_client(url))
    started = await client.start()
    await client.send_audio(PCM[:HALF])
    return started["worker"], client


async def _finish(client: WireClient) -> list[object]:
    await client.send_audio(PCM[HALF:])
    final = await client.stop()
    return list(final["sentences"])


@in_loop
async def test_sessions_of_a_killed_worker_go_on_with_another_one(deployment: Deployment) -> None:
    expected = (await whole_session(deployment.url, PCM)).final["sentences"]
    async with AsyncExitStack() as connections:
        placed = [await _speak_half(deployment.url, connections) for _ in range(SESSIONS)]
        lost = [client for worker, client in placed if worker == "1"]
        others = [client for worker, client in placed if worker == "0"]
        assert len(lost) == len(others) == SESSIONS // 2
        old_pid = await asyncio.to_thread(deployment.kill, "worker-1")
        for client in lost:
            assert (await client.event("moved"))["worker"] == "0"
        for client in (*lost, *others):
            assert await _finish(client) == expected
        assert {client.messages[-1]["worker"] for client in lost} == {"0"}

    await eventually(lambda: _is_back(deployment, old_pid), 10, "the worker is ready again")
    again = await asyncio.gather(*(whole_session(deployment.url, PCM) for _ in range(4)))
    assert {session.worker for session in again} == {"0", "1"}
    assert all(session.final["sentences"] == expected for session in again)
    children = await asyncio.to_thread(deployment.children)
    assert {name: child.restarts for name, child in children.items()} == {
        "worker-0": 0,
        "worker-1": 1,
        "gateway-0": 0,
    }


def _is_back(deployment: Deployment, old_pid: int) -> bool:
    [row] = [row for row in deployment.rows().workers if row.id == "1"]
    return row.state == "ready" and row.pid != old_pid
