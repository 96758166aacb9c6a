"""A session whose audio crashes its workers is closed after two of them; nobody else loses a word, and
whoever is only unlucky is not taken for it."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.engines import poisoned
from tests.support.processes import Deployment, Plan
from tests.support.trouble import SCHEDULE, TURNS_MS, turns
from tests.support.wire import Session, WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

FAULTY_VAD = "tests.support.faulty_vad:scripted"
WORKERS = 4
# So many that some are in decode with the poison, whichever worker it comes to.
OTHERS = 12
POISON = poisoned(spoken(speech_ms=1_000, silence_ms=0))


@in_loop
@pytest.mark.parametrize("end", ["exit", "SIGSEGV", "SIGABRT"])
async def test_poison_takes_two_workers_and_nobody_else(end: str) -> None:
    environ = {
        "SCRIPTED_ENGINE_POISON": end,
        "SCRIPTED_ENGINE_DELAY_MS": "200",
        "SCRIPTED_ENGINE_LANES": "8",
    }
    with Deployment(Plan(workers=WORKERS, environ=environ)) as deployment:
        url = f"{deployment.url}/?silence_schedule={SCHEDULE}"
        audio = [turns(number) for number in range(OTHERS)]
        undisturbed = await asyncio.gather(*(whole_session(url, pcm) for pcm in audio))
        others = asyncio.gather(*(whole_session(url, pcm, pause_s=0.05) for pcm in audio))
        await asyncio.sleep(1.0)
        await _poison_is_ended(url)
        sessions: list[Session] = await others
        assert [session.texts for session in sessions] == [session.texts for session in undisturbed]
        await eventually(lambda: _ready(deployment) == WORKERS, 20, "all workers are back")
        assert _restarts(deployment) == 2
        assert deployment.logs.count("cause=itself") == 2
        moved = {message.get("event") for session in sessions for message in session.messages}
        assert "moved" in moved


@in_loop
async def test_audio_that_no_engine_can_decode_ends_its_own_session_and_no_worker() -> None:
    with Deployment(Plan(workers=2, environ={"SCRIPTED_ENGINE_POISON": "refuse"})) as deployment:
        async with wire_client(deployment.url) as silent, wire_client(deployment.url) as poisoner:
            await silent.start()
            await poisoner.start()
            # Slowly, so that partials of it fail long before its final does.
            await poisoner.send_audio(poisoned(spoken(speech_ms=4_000, silence_ms=0)), pause_s=0.02)
            await poisoner.send("STOP")
            error = await poisoner.error()
            assert (error["code"], await poisoner.closed()) == ("engine_failed", 1011)
            await silent.send("STOP")
            await silent.event("stopped")
            assert not any(message.get("event") == "moved" for message in silent.messages)
        assert deployment.logs.count("decode failed") > 3
        assert _restarts(deployment) == 0


@in_loop
async def test_audio_that_no_vad_can_hear_ends_its_own_session_and_no_worker() -> None:
    with Deployment(Plan(FAULTY_VAD, workers=2)) as deployment:
        url = f"{deployment.url}/?silence_schedule={SCHEDULE}"
        audio = [turns(number) for number in range(OTHERS)]
        others = asyncio.gather(*(whole_session(url, pcm, pause_s=0.05) for pcm in audio))
        await asyncio.sleep(1.0)
        await _poison_is_ended(url)
        for session in await others:
            assert len(session.texts) == len(TURNS_MS)
            assert not any(message.get("event") == "moved" for message in session.messages)
        assert deployment.logs.count("hearing failed") == 2
        assert _restarts(deployment) == 0


@in_loop
async def test_workers_that_are_killed_in_one_segment_are_bad_luck() -> None:
    # A decode takes so long that its worker is killed in it.
    environ = {"SCRIPTED_ENGINE_DELAY_MS": "1500"}
    with Deployment(Plan(workers=3, environ=environ)) as deployment:
        async with wire_client(deployment.url) as client:
            worker = (await client.start())["worker"]
            await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
            for _ in range(3):
                worker = await _killed_in_decode(deployment, client, worker)
            assert len((await client.stop())["sentences"]) == 1
        assert deployment.logs.count("cause=outside") == 3


async def _poison_is_ended(url: str) -> None:
    async with wire_client(url) as poisoner:
        await poisoner.start()
        await poisoner.send_audio(POISON)
        error = await poisoner.error()
        assert (error["code"], await poisoner.closed()) == ("engine_failed", 1011)


async def _killed_in_decode(deployment: Deployment, client: WireClient, worker: str) -> str:
    """The worker that takes the session up."""
    url = deployment.worker_url(worker)
    await eventually(
        lambda: deployment.metrics(url).has("asr_decode_queue_seconds_count"), 10, "a decode has begun"
    )
    await asyncio.to_thread(deployment.kill, f"worker-{worker}")
    taken_up = (await client.event("moved"))["worker"]
    return str(taken_up)


def _ready(deployment: Deployment) -> int:
    return [row.state for row in deployment.rows().workers].count("ready")


def _restarts(deployment: Deployment) -> int:
    return sum(child.restarts for child in deployment.children().values())
