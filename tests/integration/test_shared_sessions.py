"""Two gateways of two systems that share a Redis: one id is one session's, and Redis may come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.redis_server import PASSWORD, RedisServer
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

PCM = spoken(speech_ms=2_500, silence_ms=500)
PART = len(PCM) // 10 * 2
LIVE = 4
PINS = "voxshard:pin:"
UNIQUE_AGAIN_S = 5.0
# As long as a START may wait for a Redis that has just gone away, twice its limit, and time to be served.
ACCEPTED_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Hosts:
    redis: RedisServer
    one: Deployment
    other: Deployment

    @property
    def both(self) -> tuple[Deployment, Deployment]:
        return self.one, self.other

    async def registry(self, up: bool) -> None:
        """Both gateways know that it is there, or that it is not."""
        for deployment in self.both:
            await eventually(partial(_is, deployment, up), UNIQUE_AGAIN_S, f"asr_registry_up is {up}")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with RedisServer() as redis:
        # In the environment, where it belongs: what is on a command line can be seen by others.
        plan = Plan(environ={"VOXSHARD_REDIS_URL": redis.url})
        with Deployment(plan) as one, Deployment(plan) as other:
            yield Hosts(redis, one, other)


def _is(deployment: Deployment, up: bool) -> bool:
    return deployment.metrics().total("asr_registry_up") == up


def _pins(redis: RedisServer) -> int:
    """Records of sessions come back as well, and maybe before their pins."""
    return len(redis.keys(PINS))


def _sees_a_session(deployment: Deployment) -> bool:
    return any(row.sessions for row in deployment.rows().workers)


async def _refused(deployment: Deployment, session: str) -> bool:
    """Whether a session with this id is refused there."""
    async with wire_client(f"{deployment.url}/?session_id={session}") as client:
        await client.send("START")
        message = await client.receive()
        if message["event"] == "started":
            await client.send("STOP")
            await client.event("stopped")
            return False
        assert (message["code"], await client.closed()) == ("session_in_use", 4409)
        return True


async def _live(hosts: Hosts, connections: AsyncExitStack) -> list[WireClient]:
    """Sessions in mid-sentence at both gateways."""
    clients = []
    for number in range(LIVE):
        url = f"{hosts.both[number % 2].url}/?session_id=live-{number}"
        client = await connections.enter_async_context(wire_client(url))
        await client.start()
        await client.send_audio(PCM[:PART])
        clients.append(client)
    return clients


async def _speak(clients: list[WireClient], part: int) -> None:
    for client in clients:
        await client.send_audio(PCM[part * PART : (part + 1) * PART])


async def _all_are_refused_elsewhere(hosts: Hosts) -> bool:
    for number in range(LIVE):
        # One late answer, and for a moment a gateway asks nobody; a busy machine has them.
        await hosts.registry(up=True)
        if not await _refused(hosts.both[(number + 1) % 2], f"live-{number}"):
            return False
    return True


@in_loop
async def test_an_id_is_refused_elsewhere_until_its_session_has_ended(hosts: Hosts) -> None:
    await hosts.registry(up=True)
    async with wire_client(f"{hosts.one.url}/?session_id=call") as client:
        await client.start()
        await hosts.registry(up=True)
        assert await _refused(hosts.other, "call")
        await client.send_audio(PCM)
        assert (await client.stop())["sentences"]
        # The release is on its way when `stopped` is.
        async with asyncio.timeout(UNIQUE_AGAIN_S):
            while await _refused(hosts.other, "call"):
                pass


@in_loop
async def test_what_is_sent_behind_start_waits_for_the_pin_in_its_order(hosts: Hosts) -> None:
    expected = (await whole_session(hosts.one.url, PCM)).final["sentences"]
    async with wire_client(hosts.other.url) as client:
        await client.send("START")
        await client.send_audio(PCM)
        assert (await client.stop())["sentences"] == expected


@in_loop
async def test_live_sessions_do_not_notice_what_happens_to_redis(hosts: Hosts) -> None:
    redis = hosts.redis
    expected = (await whole_session(hosts.one.url, PCM)).final["sentences"]
    await hosts.registry(up=True)
    async with AsyncExitStack() as connections:
        clients = await _live(hosts, connections)

        redis.pause()
        await _speak(clients, 1)
        assert not await asyncio.wait_for(_refused(hosts.one, "during-pause"), ACCEPTED_WITHIN_S)
        await hosts.registry(up=False)
        assert not await asyncio.wait_for(_refused(hosts.other, "without-redis"), ACCEPTED_WITHIN_S)
        redis.go_on()
        await hosts.registry(up=True)
        assert await _all_are_refused_elsewhere(hosts)

        redis.flush()
        await _speak(clients, 2)
        await eventually(lambda: _pins(redis) >= LIVE, UNIQUE_AGAIN_S, "Redis is filled again")
        assert await _all_are_refused_elsewhere(hosts)

        redis.kill()
        await _speak(clients, 3)
        await hosts.registry(up=False)
        redis.start()
        await hosts.registry(up=True)
        await eventually(lambda: _pins(redis) >= LIVE, UNIQUE_AGAIN_S, "Redis is filled again")
        assert await _all_are_refused_elsewhere(hosts)

        await _speak(clients, 4)
        for client in clients:
            assert (await client.stop())["sentences"] == expected


@in_loop
async def test_of_two_sessions_that_began_without_redis_one_goes_on(hosts: Hosts) -> None:
    expected = (await whole_session(hosts.one.url, PCM)).final["sentences"]
    hosts.redis.kill()
    await hosts.registry(up=False)
    async with AsyncExitStack() as connections:
        clients = [
            await connections.enter_async_context(wire_client(f"{deployment.url}/?session_id=twice"))
            for deployment in hosts.both
        ]
        for client in clients:
            await client.start()
            await client.send_audio(PCM[:PART])
            # So that the next one is given another worker: the same one would refuse it at once.
            await eventually(partial(_sees_a_session, hosts.other), ACCEPTED_WITHIN_S, "its load is reported")
        hosts.redis.start()
        ended = [asyncio.create_task(client.error()) for client in clients]
        done, going_on = await asyncio.wait(
            ended, timeout=UNIQUE_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        assert [task.result()["code"] for task in done] == ["session_in_use"]
        [winner] = [client for client, task in zip(clients, ended, strict=True) if task in going_on]
        [loser] = [client for client in clients if client is not winner]
        assert await loser.closed() == 4409
        for task in going_on:
            task.cancel()
        await asyncio.wait(going_on)
        await winner.send_audio(PCM[PART:])
        assert (await winner.stop())["sentences"] == expected


def test_the_password_is_in_no_log(hosts: Hosts) -> None:
    for deployment in hosts.both:
        assert "registry away" in deployment.logs
        assert PASSWORD not in deployment.logs + deployment.output
