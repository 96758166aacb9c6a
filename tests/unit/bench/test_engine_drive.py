from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest

from bench.engine_drive import ask_again, clips_for, drive
from common.audio import SAMPLE_RATE, Samples
from worker.engines.base import EngineCapabilities, EngineError, Hypothesis, SegmentMemory, TranscribeRequest

CLIP: Samples = np.zeros(SAMPLE_RATE, dtype=np.float32)


class CountingEngine:
    """Answers after three turns of the loop; has room for `at_once` at a time."""

    def __init__(self, at_once: int) -> None:
        self.capabilities = EngineCapabilities(max_segment_ms=30_000, max_in_flight=at_once)
        self.at_once = at_once
        self.running = 0
        self.most = 0

    async def start(self) -> None: ...

    def fresh_memory(self) -> SegmentMemory:
        return None

    async def room(self) -> int:
        while self.running >= self.at_once:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return self.at_once - self.running

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        if not len(request.audio):
            raise EngineError("empty")
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(3):
            await asyncio.sleep(0)
        self.running -= 1
        return Hypothesis("text", 0.5, None, (("encode", 0.1), ("generate", 0.2)))

    def check(self) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize(("clips", "in_flight", "most"), [(20, 4, 4), (20, 100, 8), (3, 100, 3), (0, 4, 0)])
def test_all_clips_are_answered_and_never_too_many_at_once(clips: int, in_flight: int, most: int) -> None:
    engine = CountingEngine(at_once=8)
    answers = asyncio.run(drive(engine, [CLIP] * clips, in_flight))
    assert len(answers) == clips
    assert engine.most == most
    assert all(answer.audio_s == 1.0 and answer.stages["generate"] == 0.2 for answer in answers)


def test_failed_clip_ends_the_drive() -> None:
    with pytest.raises(ExceptionGroup) as failed:
        asyncio.run(drive(CountingEngine(at_once=2), [CLIP, CLIP[:0], CLIP], 2))
    assert failed.group_contains(EngineError)


def test_every_clip_comes_once_even_without_time() -> None:
    assert len(list(clips_for([CLIP] * 5, 0.0))) == 5


def test_clips_come_again_until_the_time_is_over() -> None:
    ticks = itertools.count()
    assert len(list(clips_for([CLIP] * 5, 7.5, clock=lambda: float(next(ticks))))) == 12


def test_every_caller_asks_at_least_twice() -> None:
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    latencies_s = asyncio.run(ask_again(ask, 3, 0.0))
    assert asked == len(latencies_s) == 6
