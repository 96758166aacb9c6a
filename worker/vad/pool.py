"""One VAD for all sessions: each tick takes one hop from everyone who has one, and calls the model once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from common.audio import Samples
from common.clock import Clock
from worker.engines.base import EngineDead
from worker.metrics import WorkerMetrics
from worker.vad.base import VadModel, VadState

# Hops that become ready within this time share a call. Small beside a hop (32 ms), long beside the call.
GATHER_S: Final = 0.004
# Far beyond any call, however loaded the machine.
VAD_LIMIT_S: Final = 30.0


class HopSource(Protocol):
    """A session as the pool sees it. A source that gave a hop is asked again after its answer."""

    vad_state: VadState

    def next_hop(self) -> Samples | None: ...

    def hop_done(self, samples: Samples, speech: float, state: VadState) -> None: ...


class VadPool:
    """Owns the model and the one thread that may call it."""

    def __init__(self, model: VadModel, metrics: WorkerMetrics, clock: Clock) -> None:
        self._model = model
        self._metrics = metrics
        self._clock = clock
        self._ready: dict[HopSource, None] = {}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vad")
        self.ticks = 0

    def fresh_state(self) -> VadState:
        return self._model.fresh_state()

    def offer(self, source: HopSource) -> None:
        """The source may have a hop now."""
        self._ready[source] = None
        self._wake.set()

    def withdraw(self, source: HopSource) -> None:
        self._ready.pop(source, None)

    async def run(self) -> None:
        """Serve until cancelled. Raises `EngineDead` if the model does not answer."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._tick()
                await asyncio.sleep(0 if self._ready else GATHER_S)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _tick(self) -> None:
        batch = self._gather()
        if not batch:
            return
        hops = np.stack([samples for _, samples in batch])
        states = [source.vad_state for source, _ in batch]
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._thread, self._forward, hops, states)
        try:
            speech, states, busy_s = await asyncio.wait_for(answer, VAD_LIMIT_S)
        except TimeoutError as error:
            raise EngineDead(f"the VAD gave no answer within {VAD_LIMIT_S:.0f} s") from error
        self._metrics.busy("vad", busy_s)
        self.ticks += 1
        for (source, samples), probability, state in zip(batch, speech, states, strict=True):
            source.hop_done(samples, probability, state)
            self.offer(source)

    def _forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState], float]:
        """In the thread; timed here, so that waiting for the loop does not count as work."""
        began = self._clock.now()
        speech, following = self._model.forward(hops, states)
        return speech, following, self._clock.now() - began

    def _gather(self) -> list[tuple[HopSource, Samples]]:
        offered, self._ready = self._ready, {}
        batch = [(source, source.next_hop()) for source in offered]
        return [(source, samples) for source, samples in batch if samples is not None]
