"""Two gateways on the same ports look like one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.processes import Deployment, Plan
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

# Which gateway takes a connection is up to the kernel: that all of these go to one has odds of 1 to 2^23.
CONNECTIONS = 24


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(workers=2, gateways=2)) as deployment:
        yield deployment


@in_loop
async def test_either_gateway_lists_both_and_all_their_sessions(deployment: Deployment) -> None:
    async with AsyncExitStack() as connections:
        for _ in range(CONNECTIONS):
            client = await connections.enter_async_context(wire_client(deployment.url))
            await client.start()
        views = [await asyncio.to_thread(deployment.rows) for _ in range(CONNECTIONS)]
        answered = {await asyncio.to_thread(_answering_gateway, deployment) for _ in range(CONNECTIONS)}
    assert answered == {"0", "1"}
    for view in views:
        assert [(row.id, row.state) for row in view.gateways] == [("0", "ready"), ("1", "ready")]
        assert all(row.sessions > 0 for row in view.gateways)
        assert sum(row.sessions for row in view.gateways) == CONNECTIONS
        assert {row.pid for row in view.gateways} == {row.pid for row in views[0].gateways}
        assert [row.state for row in view.workers] == ["ready", "ready"]


def _answering_gateway(deployment: Deployment) -> str:
    """A gateway shows its own connections and no other's."""
    metrics = deployment.metrics()
    return next(gateway for gateway in ("0", "1") if metrics.has("asr_gateway_connections", gateway=gateway))


@in_loop
async def test_killed_gateway_takes_its_sessions_with_it_and_comes_back(deployment: Deployment) -> None:
    async with AsyncExitStack() as connections:
        clients = [
            await connections.enter_async_context(wire_client(deployment.url)) for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*(client.start() for client in clients))
        before = {row.id: row for row in (await asyncio.to_thread(deployment.rows)).gateways}
        await asyncio.to_thread(deployment.kill, "gateway-0")
        endings = await asyncio.gather(*map(_stop_or_loss, clients))
        assert endings.count("stopped") == before["1"].sessions
        assert endings.count("lost") == before["0"].sessions
    await eventually(lambda: _sessions(deployment) == 0, 5, "the workers have dropped the lost sessions")
    await eventually(lambda: _states(deployment) == ["ready", "ready"], 10, "the gateway is back")
    assert deployment.child_pid("gateway-0") != before["0"].pid


async def _stop_or_loss(client: WireClient) -> str:
    try:
        await client.send("STOP")
        return str((await client.event("stopped"))["event"])
    except ConnectionClosed as closed:
        assert closed.rcvd is None
        return "lost"


def _sessions(deployment: Deployment) -> float:
    return sum(
        deployment.metrics(deployment.worker_url(worker)).total("asr_sessions_active")
        for worker in ("0", "1")
    )


def _states(deployment: Deployment) -> list[str]:
    return [row.state for row in deployment.rows().gateways]


@in_loop
async def test_sessions_of_both_gateways_get_the_same_text(deployment: Deployment) -> None:
    pcm = spoken(speech_ms=1_500, silence_ms=300)
    sessions = await asyncio.gather(*(whole_session(deployment.url, pcm) for _ in range(8)))
    assert len({session.texts[0] for session in sessions}) == 1
