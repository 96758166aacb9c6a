"""An engine in a process of its own is the same engine: what goes in, what comes out, every way to end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from common.audio import Samples
from common.settings import Settings
from tests.support import echo_engine
from tests.support.echo_engine import BATCH, MAX_IN_FLIGHT, fingerprint
from tests.support.wire import eventually
from worker.engines.base import EngineDead, EngineError, Hypothesis, TranscribeRequest
from worker.engines.hosted.engine import CannotStartEngine, HostedEngine
from worker.engines.words import TimedWord
from worker.pipeline.effects import DecodeKind

WITHIN_S = 30.0
FINAL = DecodeKind.FINAL
HOP = np.zeros(512, np.float32)


def hosted(model: str | None = None) -> HostedEngine:
    return HostedEngine(Settings(engine=f"{echo_engine.__name__}:create", model=model), "engine-0")


@asynccontextmanager
async def serving(model: str | None = None) -> AsyncIterator[HostedEngine]:
    engine = hosted(model)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()
        assert process(engine) is None


def process(engine: HostedEngine) -> psutil.Process | None:
    """Of the engine, if it lives."""
    assert engine._process is not None
    return None if engine._process.poll() is not None else psutil.Process(engine._process.pid)


def bounded(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(WITHIN_S):
            await scenario()

    asyncio.run(within())


def noise(samples: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)


def ordered(language: str) -> TranscribeRequest:
    return TranscribeRequest(HOP, FINAL, language)


async def answers(asked: list[asyncio.Task[Hypothesis]]) -> list[Any]:
    return await asyncio.gather(*asked, return_exceptions=True)


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
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.room(), 0.1)
            assert await engine.room() == BATCH
            together = [dict(said.stages)["together"] for said in await asyncio.gather(*asked)]
            assert all(task.done() for task in asked)
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
                asked = [
                    asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(MAX_IN_FLIGHT)
                ]
                await asyncio.sleep(0.05)
                for task in asked:
                    task.cancel()
                assert [type(answer) for answer in await answers(asked)] == [asyncio.CancelledError] * 8
            said = await asyncio.wait_for(engine.transcribe(ordered("")), 5)
            assert said.text.split()[-1] == str(5 * MAX_IN_FLIGHT)
            assert await asyncio.wait_for(engine.room(), 5) == BATCH

    bounded(scenario)


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "told"), [("refuse", "^no$"), ("stumble", r"unexpected error .* ZeroDivisionError\('oh'\)")]
)
def test_a_request_that_fails_fails_alone(order: str, told: str) -> None:
    async def scenario() -> None:
        async with serving() as engine:
            other = asyncio.create_task(engine.transcribe(ordered("wait 0.1")))
            with pytest.raises(EngineError, match=told):
                await engine.transcribe(ordered(order))
            assert (await other).text
            engine.check()

    bounded(scenario)


@pytest.mark.parametrize(
    ("order", "told"), [("die 0.1", "^it is over$"), ("die-idle", "^it was found dead$")]
)
def test_an_engine_that_dies_says_why_to_all_who_wait(order: str, told: str) -> None:
    async def scenario() -> None:
        async with serving() as engine:
            asked = [asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(3)]
            await asyncio.sleep(0)
            deadly = asyncio.create_task(engine.transcribe(ordered(order)))
            assert [type(answer) for answer in await answers(asked)] == [EngineDead] * 3
            await answers([deadly])
            with pytest.raises(EngineDead, match=told):
                engine.check()
            with pytest.raises(EngineDead, match=told):
                await engine.transcribe(ordered(""))
            with pytest.raises(EngineDead, match=told):
                await engine.room()

    bounded(scenario)


@pytest.mark.fault
@pytest.mark.parametrize("waiting", [0, 1, 20])
def test_a_killed_process_is_a_dead_engine(waiting: int) -> None:
    async def scenario() -> None:
        async with serving() as engine:
            asked = [asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(waiting)]
            roomless = asyncio.create_task(engine.room())
            await asyncio.sleep(0.1)
            living = process(engine)
            assert living is not None
            living.kill()
            assert [type(answer) for answer in await answers(asked)] == [EngineDead] * waiting
            if waiting == 0:
                assert await roomless == BATCH
            await eventually(lambda: engine._death, WITHIN_S, "the engine is known to be dead")
            with pytest.raises(EngineDead, match="the engine's process is gone"):
                engine.check()

    bounded(scenario)


@pytest.mark.fault
def test_an_engine_that_hangs_is_killed_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engines.hosted.engine._CLOSE_LIMIT_S", 0.5)

    async def scenario() -> None:
        async with serving() as engine:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.transcribe(ordered("hang")), 0.3)

    bounded(scenario)


# --- beginning and end -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "error", "told"),
    [
        ("broken", CannotStartEngine, "^the model is broken$"),
        ("deadly", EngineDead, "^the engine's process is gone$"),
    ],
)
def test_an_engine_that_cannot_start_says_why(model: str, error: type[Exception], told: str) -> None:
    async def scenario() -> None:
        engine = hosted(model)
        with pytest.raises(error, match=told):
            await engine.start()
        await engine.close()
        assert process(engine) is None

    bounded(scenario)


def test_an_engine_whose_packages_are_missing_cannot_start() -> None:
    async def scenario() -> None:
        engine = HostedEngine(Settings(engine="no.such.module:create"), "engine-0")
        with pytest.raises(CannotStartEngine, match="cannot be loaded: No module named 'no'"):
            await engine.start()
        await engine.close()

    bounded(scenario)


def test_before_its_start_there_is_no_engine() -> None:
    async def scenario() -> None:
        with pytest.raises(EngineDead, match="has not been started"):
            hosted().check()

    bounded(scenario)


def test_the_engine_is_closed_before_its_process_ends(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def scenario() -> None:
        async with serving(str(mark)) as engine:
            await engine.transcribe(ordered(""))
            assert not mark.exists()
        assert mark.read_text() == "closed"

    bounded(scenario)


_WORKER = """
import asyncio, sys
from tests.integration.test_hosted_engine import hosted, ordered, process
async def main():
    engine = hosted()
    await engine.start()
    print(process(engine).pid, flush=True)
    await engine.transcribe(ordered(sys.argv[1]))
asyncio.run(main())
"""


@pytest.mark.fault
@pytest.mark.parametrize("order", ["wait 60", "hang"])
def test_no_engine_outlives_its_worker(order: str) -> None:
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, order], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    engine = psutil.Process(int(worker.stdout.readline()))
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    engine.wait(10)
