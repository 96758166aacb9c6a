"""The echo engine in a process of its own, and how to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import psutil

from common.audio import Samples
from common.settings import Settings
from tests.support import echo_engine
from worker.engines.base import Hypothesis, TranscribeRequest
from worker.engines.hosted.engine import HostedEngine
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
