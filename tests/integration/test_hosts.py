"""Instances that know of each other by a Redis alone, on one machine and as two hosts of a network."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.support.processes import Deployment
from tests.support.redis_server import PASSWORD
from tests.support.sites import WORKERS, Site, one_machine, ready_at, two_hosts, workers_of
from tests.support.wire import Message, WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

PCM = spoken(speech_ms=2_500, silence_ms=500)
PART = len(PCM) // 10 * 2
LIVE = 8
MOST_PLACED = 100
# As the directory promises; each process says once a second that it is there.
REBUILT_WITHIN_S = 5.0
# An instance that is not busy is up long before.
JOINED_WITHIN_S = 15.0
# Without a word from a worker its gateways wait for 3 s.
MOVED_WITHIN_S = 10.0


@pytest.fixture(scope="module", params=[one_machine, two_hosts], ids=["one-machine", "two-hosts"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with request.param() as site:
        yield site


@pytest.fixture(scope="module")
def pair(site: Site) -> Iterator[tuple[Deployment, Deployment]]:
    """Two instances that know each other; both are there again after each test."""
    with site.instance(0) as one, site.instance(1) as other:
        asyncio.run(_know_each_other(one, other))
        yield one, other


# --- what is looked at -----------------------------------------------------------------------


async def _know_each_other(one: Deployment, other: Deployment) -> None:
    await eventually(
        lambda: ready_at(one) == ready_at(other) == workers_of(one, other), JOINED_WITHIN_S, "all are linked"
    )


async def _expected(deployment: Deployment) -> object:
    return (await whole_session(deployment.url, PCM)).final["sentences"]


async def _live(deployment: Deployment, connections: AsyncExitStack) -> list[tuple[str, WireClient]]:
    """Sessions in mid-sentence, each with its worker."""
    live = []
    for _ in range(LIVE):
        client = await connections.enter_async_context(wire_client(deployment.url))
        started = await client.start()
        await client.send_audio(PCM[:PART])
        live.append((str(started["worker"]), client))
    return live


async def _speak(live: list[tuple[str, WireClient]], part: int) -> None:
    for _, client in live:
        await client.send_audio(PCM[part * PART : (part + 1) * PART])


async def _finish(live: list[tuple[str, WireClient]], part: int) -> list[object]:
    """All that has not been said yet; the sentences of each."""
    finals = []
    for _, client in live:
        await client.send_audio(PCM[part * PART :])
        finals.append((await client.stop())["sentences"])
    return finals


def _moves(live: list[tuple[str, WireClient]]) -> list[Message]:
    return [message for _, client in live for message in client.messages if message.get("event") == "moved"]


async def _all_are_given_sessions(gateway: Deployment, workers: set[str]) -> None:
    """These workers and no others, of as many sessions as that takes."""
    given: set[str] = set()
    async with AsyncExitStack() as connections:
        for _ in range(MOST_PLACED):
            client = await connections.enter_async_context(wire_client(gateway.url))
            given.add(str((await client.start())["worker"]))
            if given >= workers:
                break
    assert given == workers


# --- join ------------------------------------------------------------------------------------


@in_loop
async def test_a_second_instance_takes_sessions_of_the_first_and_gives_it_some(site: Site) -> None:
    with site.instance(0) as one:
        expected = await _expected(one)
        before = {name: child.pid for name, child in one.children().items()}
        async with AsyncExitStack() as connections:
            live = await _live(one, connections)
            assert {worker for worker, _ in live} == workers_of(one)
            other = connections.enter_context(site.instance(1))
            await _know_each_other(one, other)
            for gateway in (one, other):
                await _all_are_given_sessions(gateway, workers_of(one, other))
            assert await _finish(live, 1) == [expected] * LIVE
            assert _moves(live) == [], "a worker that joins moves nobody"
            assert await _expected(other) == expected
            gateways = {f"{each.instance}:0": "ready" for each in (one, other)}
            await eventually(
                lambda: {row.id: row.state for row in one.rows().gateways} == gateways,
                JOINED_WITHIN_S,
                "both gateways are shown",
            )
            assert {name: child.pid for name, child in one.children().items()} == before


# --- loss ------------------------------------------------------------------------------------


@in_loop
async def test_sessions_go_on_at_the_other_instance_when_all_workers_of_theirs_are_killed(
    pair: tuple[Deployment, Deployment],
) -> None:
    one, other = pair
    expected = await _expected(one)
    async with AsyncExitStack() as connections:
        live = await _live(one, connections)
        lost = [client for worker, client in live if worker in workers_of(one)]
        assert lost
        pids = [one.child_pid(f"worker-{number}") for number in range(WORKERS)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for client in lost:
            assert (await client.event("moved"))["worker"] in workers_of(one, other)
        assert await _finish(live, 1) == [expected] * LIVE
    await _know_each_other(one, other)


@in_loop
async def test_sessions_on_a_host_that_dies_go_on_at_home(pair: tuple[Deployment, Deployment]) -> None:
    one, other = pair
    expected = await _expected(one)
    async with AsyncExitStack() as connections:
        live = await _live(one, connections)
        lost = [client for worker, client in live if worker in workers_of(other)]
        assert lost
        for process in other.processes():
            process.kill()
        other.wait_exit()
        for client in lost:
            assert (await client.event("moved"))["worker"] in workers_of(one)
        assert await _finish(live, 1) == [expected] * LIVE
    await eventually(
        lambda: {row.id for row in one.rows().workers} == workers_of(one),
        JOINED_WITHIN_S,
        "the lost workers are forgotten",
    )
    await _all_are_given_sessions(one, workers_of(one))
    other.start()
    await _know_each_other(one, other)


# One machine has no cable.
@pytest.mark.parametrize("site", [two_hosts], ids=["two-hosts"], indirect=True)
@in_loop
async def test_sessions_move_when_the_cable_is_cut_and_the_host_is_used_again_when_it_is_back(
    site: Site, pair: tuple[Deployment, Deployment]
) -> None:
    one, other = pair
    expected = await _expected(one)
    async with AsyncExitStack() as connections:
        live = await _live(one, connections)
        lost = [client for worker, client in live if worker in workers_of(other)]
        site.hosts[1].unplug()
        for client in lost:
            moved = await asyncio.wait_for(client.event("moved"), MOVED_WITHIN_S)
            assert moved["worker"] in workers_of(one)
        await _speak(live, 1)
        site.hosts[1].plug_in()
        assert await _finish(live, 2) == [expected] * LIVE
    await _know_each_other(one, other)


# --- Redis -----------------------------------------------------------------------------------


@in_loop
async def test_whatever_happens_to_redis_sessions_go_on_and_new_ones_are_placed(
    site: Site, pair: tuple[Deployment, Deployment]
) -> None:
    one, other = pair
    everybody = workers_of(one, other)
    expected = await _expected(one)

    async def rebuilt() -> None:
        await eventually(lambda: site.announced() == everybody, REBUILT_WITHIN_S, "all are announced again")
        assert ready_at(one) == ready_at(other) == everybody

    async with AsyncExitStack() as connections:
        live = [*await _live(one, connections), *await _live(other, connections)]
        assert {worker for worker, _ in live} == everybody

        site.redis.flush()
        await _speak(live, 1)
        await _all_are_given_sessions(one, everybody)
        await rebuilt()

        site.redis.kill()
        await _speak(live, 2)
        # Longer than any record lasts, and longer than anybody who is missing is waited for.
        await asyncio.sleep(6.0)
        assert ready_at(one) == ready_at(other) == everybody
        for gateway in (one, other):
            await _all_are_given_sessions(gateway, everybody)
        site.redis.start()
        await rebuilt()

        site.redis.pause()
        await _speak(live, 3)
        await _all_are_given_sessions(one, everybody)
        site.redis.go_on()
        await rebuilt()

        assert await _finish(live, 4) == [expected] * (2 * LIVE)
        assert _moves(live) == []


# --- who is let in ---------------------------------------------------------------------------


@in_loop
async def test_who_cannot_prove_who_it_is_gets_no_link_and_is_counted(
    site: Site, pair: tuple[Deployment, Deployment]
) -> None:
    one, _ = pair

    async def is_refused(said: bytes, reason: str) -> None:
        def count() -> float:
            url = one.worker_url("0")
            return one.metrics(url).total("asr_worker_links_refused_total", reason=reason)

        before = count()
        with socket.create_connection((one.plan.host, one.link_port(0))) as stranger:
            stranger.settimeout(10)
            stranger.sendall(said)
            while stranger.recv(4_096):
                pass
        await eventually(lambda: count() == before + 1, 5, f"{reason} is counted")

    await is_refused(b"GET / HTTP/1.1\r\n\r\n", "no_link")
    await is_refused(b"voxlink1" + bytes(64), "wrong_key")
    assert "link of another host refused" in one.logs
    assert PASSWORD not in one.logs + one.output
