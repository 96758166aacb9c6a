"""Clients that give the gateway more to do than their share: they wait, nothing of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import WireClient, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

# Some hundred take the 20 ms that are free.
COMMANDS = 3_000
PCM = spoken(speech_ms=1_500, silence_ms=1_000)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan()) as deployment:
        yield deployment


async def flood(client: WireClient) -> None:
    for number in range(COMMANDS):
        await client.send(f"LANGUAGE:x{number}")


@in_loop
async def test_a_flood_of_commands_is_slowed_and_answered_and_others_are_heard(
    deployment: Deployment,
) -> None:
    alone = await whole_session(deployment.url, PCM)
    async with wire_client(deployment.url) as client:
        flooding = asyncio.create_task(flood(client))
        beside = await whole_session(deployment.url, PCM)
        for number in range(COMMANDS):
            assert (await client.event("language_set"))["language"] == f"x{number}"
        await flooding
    assert beside.texts == alone.texts
    metrics = await asyncio.to_thread(deployment.metrics, deployment.gateway_url(0))
    assert metrics.total("asr_gateway_slowed_seconds_total") > 0
