"""Audio that comes faster than it is decoded waits with the client, not in our memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import in_loop, spoken, wire_client

pytestmark = pytest.mark.fault

UTTERANCES = 20
UTTERANCE_MS = 3_000
# Two segments that wait for their text, 4.5 s of credit, 8.2 s that the gateway reads at once (256 KiB).
MOST_UNSETTLED_S = 2 * UTTERANCE_MS / 1000 + 4.5 + 8.2 + 0.5
MOST_GROWTH_BYTES = 32 << 20


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(environ={"SCRIPTED_ENGINE_DELAY_MS": "100"})) as deployment:
        yield deployment


@in_loop
async def test_a_minute_sent_at_once_is_transcribed_in_bounded_memory(deployment: Deployment) -> None:
    pcm = spoken(speech_ms=2_000, silence_ms=1_000) * UTTERANCES
    before = _memory_bytes(deployment)
    async with wire_client(f"{deployment.url}/?silence_schedule=inf:500") as client:
        await client.start()
        unsettled = asyncio.create_task(_most_unsettled_s(deployment, len(pcm)))
        await client.send_audio(pcm)
        final = await client.stop()
        assert await unsettled <= MOST_UNSETTLED_S
    assert final["duration_ms"] == UTTERANCES * UTTERANCE_MS
    assert len(final["sentences"]) == UTTERANCES
    for number, sentence in enumerate(final["sentences"]):
        assert abs(sentence["start"] - number * UTTERANCE_MS) <= 100
        assert sentence["text"]
    assert _memory_bytes(deployment) - before < MOST_GROWTH_BYTES


async def _most_unsettled_s(deployment: Deployment, pcm_bytes: int) -> float:
    """The most audio that the worker ever held at once, until it has settled all of it."""
    sent_s = pcm_bytes / 32_000
    most_s = settled_s = 0.0
    while settled_s < sent_s:
        metrics = await asyncio.to_thread(deployment.metrics, deployment.worker_url("0"))
        settled_s = metrics.total("asr_audio_finalized_seconds_total")
        most_s = max(most_s, metrics.total("asr_audio_received_seconds_total") - settled_s)
        await asyncio.sleep(0.01)
    return most_s


def _memory_bytes(deployment: Deployment) -> int:
    return sum(process.memory_info().rss for process in deployment.processes())
