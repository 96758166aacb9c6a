"""Sessions, VAD pool and scheduler of a worker around a real engine, without a gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np

from common.audio import SAMPLE_RATE, Samples, float_to_pcm16
from common.checkpoint import ORIGIN
from common.clock import MonotonicClock
from common.events import SessionOptions, Stopped
from common.settings import Settings
from common.silence import parse_schedule
from tests.support.loudness_vad import LoudnessVad
from tests.support.session_rig import Sent
from worker.engines.base import SegmentEngine
from worker.metrics import WorkerMetrics
from worker.pipeline.orders import Mark
from worker.scheduler.runner import DecodeScheduler
from worker.session import WorkerSession
from worker.session_services import Services
from worker.vad.pool import VadPool

FRAME: Final = SAMPLE_RATE // 10
_POLL_S: Final = 0.01


class LiveWorker:
    """What a worker process owns; loud is speech."""

    def __init__(self, engine: SegmentEngine, settings: Settings) -> None:
        clock = MonotonicClock()
        self.metrics = WorkerMetrics("0")
        vad = VadPool(LoudnessVad(), self.metrics, clock)
        self.scheduler = DecodeScheduler(engine, self.metrics, clock)
        self.services = Services(vad, engine, self.scheduler, self.metrics, clock, settings)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        loops = [asyncio.create_task(loop.run()) for loop in (self.services.vad, self.scheduler)]
        try:
            yield
        finally:
            for task in loops:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def open(self, name: str, hotwords: tuple[str, ...] = ()) -> tuple[WorkerSession, Sent]:
        sent = Sent()
        options = SessionOptions(silence_schedule=parse_schedule("inf:600"), hotwords=hotwords)
        return WorkerSession(name, sent, self.services, self.services.pipeline(options, ORIGIN)), sent

    async def speak(self, name: str, hotwords: tuple[str, ...], audio: Samples, speed: float) -> Sent:
        """A whole session, its frames of 100 ms `speed` times as fast as they were spoken."""
        session, sent = self.open(name, hotwords)
        for start in range(0, len(audio), FRAME):
            session.audio(float_to_pcm16(audio[start : start + FRAME]))
            await asyncio.sleep(0.1 / speed)
        session.mark(Mark.STOP)
        # Somebody else's state, which nobody sets an event for.
        while not (sent.all(Stopped) or sent.failure):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return sent


def turns(seconds: float, seed: int) -> Samples:
    """Noise loud enough for speech, 2 to 5 s at a time, with pauses of 0.9 s."""
    random = np.random.default_rng(seed)
    parts: list[Samples] = [np.zeros(int(random.uniform(0.1, 1) * SAMPLE_RATE), np.float32)]
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        length = int(random.uniform(2, 5) * SAMPLE_RATE)
        parts.append(random.normal(0, 0.15, length).astype(np.float32))
        parts.append(np.zeros(int(0.9 * SAMPLE_RATE), np.float32))
    return np.concatenate(parts)
