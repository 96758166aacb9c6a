"""The VAD pool at work, and sources whose hops the test chose."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractAsyncContextManager
from itertools import count, islice
from typing import Final

import numpy as np

from common.audio import Samples
from tests.support.aio import beside, until
from tests.support.clock import ManualClock
from tests.support.loudness_vad import LoudnessVad
from worker.metrics import WorkerMetrics
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState
from worker.vad.hearing import HeardHop
from worker.vad.pool import VadPool

_NUMBERS: Final = count()


class Source:
    """A session with hops of these loudnesses, that keeps the answers."""

    def __init__(self, *loudnesses: float) -> None:
        self.id = f"source-{next(_NUMBERS)}"
        self.vad_state: VadState = 0.0
        self.hops = deque(np.full(HOP_SAMPLES, loudness, np.float32) for loudness in loudnesses)
        self.speech: list[float] = []
        self.taken: list[int] = []
        self.asked = 0
        self.errors: list[Exception] = []

    @property
    def catching_up(self) -> bool:
        return False

    def next_hops(self, limit: int) -> list[Samples]:
        self.asked += 1
        return list(islice(self.hops, limit))

    def hops_done(self, heard: list[HeardHop]) -> bool:
        self.taken.append(len(heard))
        for samples, speech, state in heard:
            assert self.hops.popleft() is samples
            self.vad_state = state
            self.speech.append(speech)
        return bool(self.hops)

    def cannot_be_heard(self, error: Exception) -> None:
        self.hops.clear()
        self.errors.append(error)


class Live(Source):
    """Has its next hop only after the one before."""

    def next_hops(self, limit: int) -> list[Samples]:
        return super().next_hops(1)


class Behind(Source):
    """Has much to hear, until it has heard it."""

    @property
    def catching_up(self) -> bool:
        return bool(self.hops)


class Rig:
    def __init__(self, model: LoudnessVad | None = None, clock: ManualClock | None = None) -> None:
        self.model = model or LoudnessVad()
        self.metrics = WorkerMetrics("0")
        self.pool = VadPool(self.model, self.metrics, clock or ManualClock())

    def serving(self) -> AbstractAsyncContextManager[None]:
        return beside(self.pool.run())

    async def serve(self, *sources: Source) -> None:
        """Until all their hops are answered."""
        async with self.serving():
            for source in sources:
                self.pool.offer(source)
            await until(lambda: not any(source.hops for source in sources))
