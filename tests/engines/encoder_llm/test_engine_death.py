"""vLLM's processes are killed: whoever waits is told so, no session ends, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import pytest

from tests.support.clips import Clip
from tests.support.nano_engine import NanoEngine, dies, started
from tests.support.nano_serving import BOOT_WITHIN_S, engine_processes, ready_pid
from tests.support.processes import Deployment
from tests.support.wire import WireClient, spoken, whole_session, wire_client
from worker.engines.base import EngineDead

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

TOLD_WITHIN_S: Final = 10.0
KEEPALIVE_S: Final = 5.0
# EngineCore takes 7 s by itself to give up processes that are gone; the rest is for a machine that is busy.
GONE_WITHIN_S: Final = 30.0
SPOKEN: Final = spoken(speech_ms=4_000, silence_ms=0)
LONG: Final = Clip(np.random.default_rng(0).normal(0, 0.1, 30 * 16_000).astype(np.float32), None, ())


@pytest.fixture
def own_nano(counting_model: Path) -> Iterator[NanoEngine]:
    """One that may be killed."""
    with started(counting_model) as engine:
        yield engine


@pytest.mark.parametrize("victim", ["VLLM::EngineCore", "VLLM::Worker"])
def test_whoever_waits_when_the_model_is_killed_is_told(own_nano: NanoEngine, victim: str) -> None:
    async def scenario() -> None:
        processes = nano_processes(own_nano)
        asked = [asyncio.create_task(own_nano.transcribe(LONG)) for _ in range(12)]
        async with asyncio.timeout(30):
            while own_nano.unfinished() < 12:  # noqa: ASYNC110 - vLLM's state
                await asyncio.sleep(0.005)
        [killed] = [process for process in processes if process.name() in (victim, victim[:15])]
        killed.kill()
        async with asyncio.timeout(TOLD_WITHIN_S):
            results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(result) for result in results] == [EngineDead] * len(asked)
        with pytest.raises(EngineDead):
            await own_nano.transcribe(LONG)
        await dies(own_nano, 1)
        gone(processes)

    own_nano.run(scenario())


def test_an_idle_engine_says_that_its_model_is_gone(own_nano: NanoEngine) -> None:
    async def scenario() -> None:
        own_nano.engine.check()
        processes = nano_processes(own_nano)
        os.kill(processes[0].pid, signal.SIGKILL)
        await dies(own_nano, TOLD_WITHIN_S)
        gone(processes)

    own_nano.run(scenario())


def nano_processes(nano: NanoEngine) -> list[psutil.Process]:
    """EngineCore, then what it started."""
    [core] = nano.vllm.engine_core.resources.engine_manager.processes
    process = psutil.Process(core.pid)
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, GONE_WITHIN_S)
    left = [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"left: {left}"


def test_sessions_outlive_a_killed_model(deployment: Deployment) -> None:
    pid = deployment.child_pid("worker-0")
    processes = engine_processes(deployment)
    assert len(processes) >= 1

    async def scenario() -> None:
        async with wire_client(deployment.url) as silent, wire_client(deployment.url) as speaker:
            await silent.start()
            await speaker.start()
            await speaker.send_audio(SPOKEN)
            await speaker.receive_until(lambda message: bool(message.get("partial")))
            processes[0].kill()
            for client in (speaker, silent):
                async with asyncio.timeout(TOLD_WITHIN_S):
                    await client.event("degraded")
            await asyncio.gather(_moves(speaker), _moves(silent))
            assert ready_pid(deployment) not in (None, pid)
            [sentence] = (await speaker.stop())["sentences"]
            assert sentence["text"]
            await silent.send("STOP")
            await silent.event("stopped")
        session = await whole_session(deployment.url, SPOKEN)
        assert session.texts and all(session.texts)

    asyncio.run(asyncio.wait_for(scenario(), BOOT_WITHIN_S + 120))
    gone(processes)
    assert not psutil.pid_exists(pid)
    assert "code 4" in deployment.logs
    assert len(engine_processes(deployment)) == len(processes)


async def _moves(client: WireClient) -> None:
    """Another worker takes the session; until then its client says that it is there."""
    async with asyncio.timeout(BOOT_WITHIN_S):
        while client.messages[-1].get("event") != "moved":
            await client.send("KEEPALIVE")
            with contextlib.suppress(TimeoutError):
                await client.receive(KEEPALIVE_S)
