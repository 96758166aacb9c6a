"""Sessions whose connection or gateway is lost go on over another connection, and at another gateway."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import ConnectionClosed

from common.audio import BYTES_PER_SAMPLE
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer
from tests.support.wire import Message, WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

SCHEDULE = "?silence_schedule=inf:500"
TURN = spoken(speech_ms=1_500, silence_ms=900)
# Two sentences, of which the second is cut off in its middle by whatever happens.
PCM = TURN + TURN
SAID = len(TURN) + len(TURN) // 4 * 2


@pytest.fixture(scope="module")
def alone() -> Iterator[Deployment]:
    """One gateway, and no registry."""
    with Deployment(Plan(workers=2)) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def shared(redis: RedisServer) -> Iterator[Deployment]:
    """Two gateways, each on a port of its own."""
    plan = Plan(workers=2, gateways=2, flags=("--proxied",), environ={"VOXSHARD_REDIS_URL": redis.url})
    with Deployment(plan) as deployment:
        yield deployment


async def half_said(client: WireClient) -> Message:
    """A session in its second sentence; its `started`."""
    started = await client.start()
    await client.send_audio(PCM[:SAID], pause_s=0.01)
    await client.receive_until(lambda message: bool(message.get("sentences") and message["partial"]))
    return started


@asynccontextmanager
async def resumed(url: str, token: str) -> AsyncIterator[WireClient]:
    async with wire_client(url) as client:
        await client.send(f"RESUME:{token}")
        yield client


async def the_rest(client: WireClient) -> list[str]:
    """Go on from `ack`; all sentences of the session."""
    ack = (await client.event("resumed"))["ack"]
    await client.send_audio(PCM[ack * BYTES_PER_SAMPLE :])
    return [sentence["text"] for sentence in (await client.stop())["sentences"]]


async def undisturbed(url: str) -> list[str]:
    return (await whole_session(url + SCHEDULE, PCM)).texts


@in_loop
async def test_a_client_that_lost_its_connection_comes_back_and_loses_nothing(alone: Deployment) -> None:
    expected = await undisturbed(alone.url)
    async with wire_client(alone.url + SCHEDULE) as client:
        started = await half_said(client)
        client.drop()
    async with resumed(alone.url, started["resume_token"]) as client:
        assert await the_rest(client) == expected
        greeting, result = client.messages[:2]
        assert (greeting["session_id"], greeting["seq"]) == (started["session_id"], 1)
        assert [sentence["text"] for sentence in result["sentences"]] == expected[:1]
        # The next session of this connection has a name of its own.
        assert (await client.start())["session_id"] == f"{started['session_id']}-2"
    assert alone.metrics().total("asr_session_resumes_total") >= 1


@in_loop
async def test_a_connection_that_only_looks_alive_is_told_that_the_session_has_gone(
    alone: Deployment,
) -> None:
    expected = await undisturbed(alone.url)
    async with wire_client(alone.url + SCHEDULE) as old:
        started = await half_said(old)
        async with resumed(alone.url, started["resume_token"]) as new:
            assert await the_rest(new) == expected
        assert await old.closed() == 4409
        assert old.messages[-1]["code"] == "session_resumed"


@in_loop
async def test_one_that_had_ended_is_told_its_end(alone: Deployment) -> None:
    async with wire_client(alone.url + SCHEDULE) as client:
        started = await client.start()
        await client.send_audio(PCM)
        final = await client.stop()
    async with resumed(alone.url, started["resume_token"]) as client:
        await client.event("stopped")
        greeting, result, _ = client.messages
        assert greeting["event"] == "resumed"
        assert (result["sentences"], result["is_final"]) == (final["sentences"], True)
        # The connection is as good as any other.
        await client.start()


@in_loop
async def test_its_options_go_on_as_well(alone: Deployment) -> None:
    async with wire_client(alone.url) as client:
        started = await client.start()
        await client.send("SILENCE_SCHEDULE:inf:500")
        await client.send("POSTPROCESS_HOTWORDS:heard=>was told")
        await client.event("postprocess_hotwords_set")
        client.drop()
    async with resumed(alone.url, started["resume_token"]) as client:
        texts = await the_rest(client)
        assert len(texts) == 2 and all(text.startswith("was told") for text in texts)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 5_000])
@in_loop
async def test_what_is_no_token_resumes_nothing(alone: Deployment, token: str) -> None:
    async with resumed(alone.url, token) as client:
        assert (await client.error())["code"] == "bad_resume_token"
        assert await client.closed() == 4403


@in_loop
async def test_resume_in_a_session_is_a_mistake_that_it_outlives(alone: Deployment) -> None:
    async with wire_client(alone.url) as client:
        started = await client.start()
        await client.send(f"RESUME:{started['resume_token']}")
        assert (await client.error())["code"] == "already_started"
        await client.send("STOP")
        await client.event("stopped")


@in_loop
async def test_a_session_outlives_its_gateway(shared: Deployment) -> None:
    one, other = shared.live_urls
    expected = await undisturbed(other)
    async with wire_client(one + SCHEDULE) as client:
        started = await half_said(client)
        pid = shared.kill("gateway-0")
        await client.lost()
    async with resumed(other, started["resume_token"]) as client:
        assert await the_rest(client) == expected
    await eventually(lambda: _is_another(shared, "gateway-0", pid), 20, "the gateway is back")


@in_loop
async def test_a_gateway_that_was_thought_dead_says_nothing_more(shared: Deployment) -> None:
    one, other = shared.live_urls
    expected = await undisturbed(other)
    async with wire_client(one + SCHEDULE) as old:
        started = await half_said(old)
        pid = shared.child_pid("gateway-0")
        os.kill(pid, signal.SIGSTOP)
        try:
            async with resumed(other, started["resume_token"]) as new:
                assert await the_rest(new) == expected
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await old.closed() == 4409


@in_loop
async def test_a_gateway_that_is_drained_sends_its_sessions_on_at_their_endpoints(shared: Deployment) -> None:
    one, other = shared.live_urls
    expected = await undisturbed(other)
    async with wire_client(one + SCHEDULE) as client, wire_client(one) as idle:
        started = await half_said(client)
        os.kill(pid := shared.child_pid("gateway-0"), signal.SIGTERM)
        assert await idle.closed() == 1012
        assert client.messages[-1].get("event") != "error"
        with contextlib.suppress(ConnectionClosed):
            # It is sent away before the last silence is over.
            await client.send_audio(PCM[SAID:], pause_s=0.01)
        assert await client.closed() == 1012
        assert client.messages[-1]["code"] == "restarting"
        results = [message for message in client.messages if "sentences" in message]
        assert len(results[-1]["sentences"]) == 2
    async with resumed(other, started["resume_token"]) as client:
        # Nothing is left to be said again.
        assert (await client.event("resumed"))["ack"] > SAID // BYTES_PER_SAMPLE
        assert [sentence["text"] for sentence in (await client.stop())["sentences"]] == expected
    await eventually(lambda: _is_another(shared, "gateway-0", pid), 20, "the gateway is back")


@in_loop
async def test_while_redis_is_away_a_client_is_told_to_come_again(
    shared: Deployment, redis: RedisServer
) -> None:
    one, other = shared.live_urls
    async with wire_client(one + SCHEDULE) as client:
        started = await half_said(client)
        client.drop()
    redis.kill()
    try:
        await eventually(lambda: _registries_up(shared) == 0, 5, "Redis is missed")
        async with resumed(other, started["resume_token"]) as client:
            assert (await client.error())["code"] == "registry_away"
            assert await client.closed() == 1013
    finally:
        redis.start()
    await eventually(lambda: _registries_up(shared) == 2, 5, "Redis is there")
    async with resumed(other, started["resume_token"]) as client:
        # A Redis that was started anew knows nothing of it; nor does anybody else.
        assert await client.closed() == 4404


@in_loop
async def test_a_live_session_can_be_resumed_after_redis_was_emptied(
    shared: Deployment, redis: RedisServer
) -> None:
    one, other = shared.live_urls
    expected = await undisturbed(other)
    async with wire_client(one + SCHEDULE) as client:
        started = await half_said(client)
        redis.flush()
        session = started["session_id"]
        needed = {f"voxshard:pin:{session}", f"voxshard:record:{session}", "voxshard:seed"}
        await eventually(lambda: needed <= set(redis.keys()), 5, "all is written down again")
        client.drop()
    async with resumed(other, started["resume_token"]) as client:
        assert await the_rest(client) == expected


def _registries_up(deployment: Deployment) -> float:
    """How many of its gateways have one."""
    pages = [deployment.metrics(deployment.gateway_url(index)) for index in range(2)]
    return sum(page.total("asr_registry_up") for page in pages)


def _is_another(deployment: Deployment, child: str, pid: int) -> bool:
    now = deployment.children()[child]
    return now.state == "ready" and now.pid != pid
