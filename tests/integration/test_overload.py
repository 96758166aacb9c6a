"""More sessions than there is room for: as many as there is room for begin, the others are told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosed

from client.stream import StreamClient, StreamError
from tests.support.processes import Deployment, Plan
from tests.support.wire import Message, WireClient, eventually, in_loop, spoken, wire_client

pytestmark = pytest.mark.fault

MOST = 4
BURST = 40


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The two gateways do not know what the other one gives the worker until it says so."""
    with Deployment(Plan(gateways=2, flags=("--max-speaking", str(MOST)))) as deployment:
        yield deployment


@in_loop
async def test_two_gateways_together_let_in_no_more_than_there_is_room_for(deployment: Deployment) -> None:
    before = await asyncio.to_thread(_overloaded, deployment)
    async with AsyncExitStack() as connections:
        clients = [await connections.enter_async_context(wire_client(deployment.url)) for _ in range(BURST)]
        answers = await asyncio.gather(*map(_start, clients))
        refused = [client for client, answer in zip(clients, answers, strict=True) if _is_refusal(answer)]
        assert len(refused) == BURST - MOST
        for client in refused:
            assert await _close_code(client) == 1013
        assert len(await asyncio.to_thread(deployment.sessions, "0")) == MOST
    assert await asyncio.to_thread(_overloaded, deployment) == before + len(refused)


def _overloaded(deployment: Deployment) -> float:
    pages = [deployment.metrics(deployment.gateway_url(gateway)) for gateway in (0, 1)]
    return sum(page.total("asr_admission_rejections_total", reason="overloaded") for page in pages)


@in_loop
async def test_who_ends_makes_room_and_the_client_says_when_to_come_again(deployment: Deployment) -> None:
    await eventually(lambda: deployment.rows().workers[0].sessions == 0, 5, "all have left")
    async with AsyncExitStack() as connections:
        clients = [await connections.enter_async_context(wire_client(deployment.url)) for _ in range(MOST)]
        for client in clients:
            await client.start()
        with pytest.raises(StreamError, match=r"overloaded: .*; try again in ") as refused:
            async with StreamClient(deployment.url):
                pytest.fail("it has a session")
        error = refused.value
        assert (error.retryable, error.close_code) == (True, 1013)
        assert error.retry_after_s is not None and 2 <= error.retry_after_s <= 6
        await clients[0].send("STOP")
        await clients[0].event("stopped")
        await asyncio.sleep(error.retry_after_s)
        async with StreamClient(deployment.url) as again:
            await again.send(spoken(speech_ms=800, silence_ms=200))
            assert await again.finish()


async def _start(client: WireClient) -> Message:
    await client.send("START")
    return await client.receive()


def _is_refusal(answer: Message) -> bool:
    if answer.get("event") == "started":
        return False
    assert (answer["event"], answer["code"], answer["retryable"]) == ("error", "overloaded", True), answer
    assert answer["retry_after_s"] > 0
    return True


async def _close_code(client: WireClient) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        await client.receive()
    return closed.value.rcvd.code if closed.value.rcvd is not None else None
