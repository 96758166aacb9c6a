"""An engine in a process of its own is the same engine: what goes in, what comes out, and batches."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from common.settings import Settings
from tests.support import echo_engine
from tests.support.echo_engine import BATCH, MAX_IN_FLIGHT, fingerprint
from tests.support.hosted import FINAL, HOP, WITHIN_S, answers, bounded, noise, ordered, process, serving
from worker.engines.base import EngineError, TranscribeRequest
from worker.engines.words import TimedWord
from worker.pipeline.effects import DecodeKind

# --- what goes in and out ----------------------------------------------------------------------


def test_all_of_a_request_arrives_and_all_of_its_answer_comes_back() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            audio = noise(30_000)
            request = TranscribeRequest(
                audio, DecodeKind.PARTIAL, None, ("one", "zwei"), timestamps=True, start=1 << 40
            )
            said = await engine.transcribe(request)
            assert said.text == f"{fingerprint(audio)} PARTIAL one+zwei {1 << 40} 0 0 0"
            assert said.words == (TimedWord("word", 0.25, 0.5, 0.75),)
            assert said.busy_s == 0.5
            assert [stage for stage, _ in said.stages] == ["hand_over", "together"]
            assert 0 <= said.stages[0][1] < WITHIN_S
            assert (await engine.transcribe(ordered(""))).words is None

    bounded(scenario)


def test_its_capabilities_are_those_of_the_engine() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            assert engine.capabilities == echo_engine.create(Settings()).capabilities

    bounded(scenario)


def test_many_requests_never_hear_each_others_audio() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            clips = [noise(500 + 37 * number, number) for number in range(200)]
            requests = [
                TranscribeRequest(clip, FINAL, f"wait {number % 7 / 500}")
                for number, clip in enumerate(clips)
            ]
            said = await asyncio.gather(*map(engine.transcribe, requests))
            assert [one.text.split()[0] for one in said] == [fingerprint(clip) for clip in clips]
            # More at once than it takes wait for a place.
            assert max(dict(one.stages)["together"] for one in said) == MAX_IN_FLIGHT

    bounded(scenario)


def test_a_request_that_is_too_long_is_refused_and_the_next_one_answered() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            await engine.transcribe(TranscribeRequest(noise(4_000 * 16), FINAL))
            with pytest.raises(EngineError, match="64001 samples are more than this engine takes"):
                await engine.transcribe(TranscribeRequest(noise(4_000 * 16 + 1), FINAL))
            await engine.transcribe(ordered(""))

    bounded(scenario)


# --- batches -----------------------------------------------------------------------------------


def test_there_is_room_again_when_the_engine_says_so() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            assert await engine.room() == BATCH
            asked = [asyncio.create_task(engine.transcribe(ordered("wait 0.3"))) for _ in range(BATCH)]
            await asyncio.sleep(0)
            assert await engine.room() == BATCH
            assert all(task.done() for task in asked)
            together = [dict(said.stages)["together"] for said in await asyncio.gather(*asked)]
            # All of them were there when the first began to work.
            assert together == [1, 2, 3, 4]

    bounded(scenario)


def test_a_memory_lasts_from_request_to_request_and_ends_with_its_last_reference() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            memory, other = engine.fresh_memory(), engine.fresh_memory()

            async def counted(memory: Any) -> tuple[int, int]:
                said = await engine.transcribe(TranscribeRequest(HOP, FINAL, memory=memory))
                requests, memories = said.text.split()[-3:-1]
                return int(requests), int(memories)

            assert [await counted(memory) for _ in range(3)] == [(1, 1), (2, 1), (3, 1)]
            assert await counted(other) == (1, 2)
            number = memory.number
            del memory
            gc.collect()
            # By its number it would be found if it were there still.
            again = engine.fresh_memory()
            again.number = number
            assert await counted(again) == (1, 3)

    bounded(scenario)


def test_giving_up_reaches_the_engine_and_frees_the_place() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            for _ in range(5):
                asked = [asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(BATCH)]
                await asyncio.sleep(0)
                # Its answer comes when the engine has begun with those before it.
                await engine.transcribe(ordered(""))
                for task in asked:
                    task.cancel()
                assert [type(answer) for answer in await answers(asked)] == [asyncio.CancelledError] * BATCH
            said = await asyncio.wait_for(engine.transcribe(ordered("")), 5)
            assert said.text.split()[-1] == str(5 * BATCH)
            assert await asyncio.wait_for(engine.room(), 5) == BATCH

    bounded(scenario)


@pytest.mark.fault
def test_giving_up_what_the_engine_has_not_begun_frees_the_place() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            living = process(engine)
            assert living is not None
            # So that it hears of the request and of giving it up at once.
            living.suspend()
            asked = [asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(MAX_IN_FLIGHT)]
            await asyncio.sleep(0.05)
            for task in asked:
                task.cancel()
            assert [type(answer) for answer in await answers(asked)] == [asyncio.CancelledError] * 8
            await asyncio.sleep(0.05)
            living.resume()
            said = await asyncio.wait_for(engine.transcribe(ordered("")), 5)
            assert said.text.split()[-1] == "0"

    bounded(scenario)
