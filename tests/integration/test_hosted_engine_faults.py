"""Every way in which an engine in a process of its own fails, begins and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common.settings import Settings
from tests.support.echo_engine import BATCH
from tests.support.hosted import WITHIN_S, answers, bounded, hosted, ordered, process, serving
from tests.support.wire import eventually
from worker.engines.base import CardLost, EngineDead, EngineError
from worker.engines.hosted.engine import CannotStartEngine, HostedEngine

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


def test_an_engine_that_has_lost_its_card_is_known_by_that() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            waiting = asyncio.create_task(engine.transcribe(ordered("wait 60")))
            await answers([asyncio.create_task(engine.transcribe(ordered("lose 0.1")))])
            assert [type(answer) for answer in await answers([waiting])] == [CardLost]
            with pytest.raises(CardLost, match=r"^it is over with the card$"):
                engine.check()

    bounded(scenario)


@pytest.mark.fault
@pytest.mark.parametrize("waiting", [0, 1, 20])
def test_a_killed_process_is_a_dead_engine(waiting: int) -> None:
    async def scenario() -> None:
        async with serving() as engine:
            asked = [asyncio.create_task(engine.transcribe(ordered("wait 60"))) for _ in range(waiting)]
            if waiting == 0:
                assert await engine.room() == BATCH
            await asyncio.sleep(0.1)
            living = process(engine)
            assert living is not None
            living.kill()
            assert [type(answer) for answer in await answers(asked)] == [EngineDead] * waiting
            await eventually(lambda: engine._death, WITHIN_S, "the engine is known to be dead")
            with pytest.raises(EngineDead, match="the engine's process is gone"):
                engine.check()

    bounded(scenario)


@pytest.mark.fault
def test_an_engine_that_stands_still_is_dead_whatever_it_says_afterwards() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            asked = asyncio.create_task(engine.transcribe(ordered("wait 1")))
            await asyncio.sleep(0.1)
            living = process(engine)
            assert living is not None
            living.suspend()
            with pytest.raises(EngineDead, match="the engine has fallen silent"):
                while True:
                    await asyncio.sleep(0.01)
                    engine.check()
            assert [type(answer) for answer in await answers([asked])] == [EngineDead]
            living.resume()
            await asyncio.sleep(1.2)
            with pytest.raises(EngineDead, match="the engine has fallen silent"):
                await engine.transcribe(ordered(""))

    bounded(scenario)


def test_an_engine_that_has_nothing_to_do_is_not_silent() -> None:
    async def scenario() -> None:
        async with serving() as engine:
            for _ in range(40):
                await asyncio.sleep(0.06)
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
        ("no card", CardLost, "^CUDA error: MPS server is not ready"),
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
from tests.support.hosted import hosted, ordered, process
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
