from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt
import pytest

from common.audio import Samples
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.loudness_vad import LoudnessVad
from worker.metrics import WorkerMetrics
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState
from worker.vad.pool import VadPool


class Source:
    """A session with hops of these loudnesses, that keeps the answers."""

    def __init__(self, *loudnesses: float) -> None:
        self.vad_state: VadState = 0.0
        self.hops = deque(np.full(HOP_SAMPLES, loudness, np.float32) for loudness in loudnesses)
        self.speech: list[float] = []
        self.asked = 0

    def next_hop(self) -> Samples | None:
        self.asked += 1
        return self.hops.popleft() if self.hops else None

    def hop_done(self, samples: Samples, speech: float, state: VadState) -> None:
        self.vad_state = state
        self.speech.append(speech)


class BrokenVad(LoudnessVad):
    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        raise RuntimeError("no model")


class SlowVad(LoudnessVad):
    """Every call takes a quarter of a second."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        self._clock.advance(0.25)
        return super().forward(hops, states)


class Rig:
    def __init__(self, model: LoudnessVad | None = None, clock: ManualClock | None = None) -> None:
        self.model = model or LoudnessVad()
        self.metrics = WorkerMetrics("0")
        self.pool = VadPool(self.model, self.metrics, clock or ManualClock())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.pool.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def serve(self, *sources: Source) -> None:
        """Until all their hops are answered."""
        wanted = [len(source.speech) + len(source.hops) for source in sources]
        async with self.serving():
            for source in sources:
                self.pool.offer(source)
            await until(lambda: [len(source.speech) for source in sources] == wanted)


def test_each_tick_calls_the_model_once_for_everybody() -> None:
    rig = Rig()
    run(rig.serve(*[Source(0.0, 0.1, 0.2, 0.1) for _ in range(25)]))
    assert rig.model.batch_sizes == [25] * 4
    assert rig.pool.ticks == 4


def test_who_has_no_more_hops_leaves_the_batch() -> None:
    rig = Rig()
    run(rig.serve(Source(0.1), Source(0.1, 0.1), Source(0.1, 0.1, 0.1)))
    assert rig.model.batch_sizes == [3, 2, 1]


def test_a_source_gets_the_answers_to_its_own_hops_whoever_else_is_there() -> None:
    loudnesses = [(0.0, 0.05, 0.1), (0.1, 0.0), (0.02,)]
    alone = [Source(*loudness) for loudness in loudnesses]
    for source in alone:
        run(Rig().serve(source))
    together = [Source(*loudness) for loudness in loudnesses]
    run(Rig().serve(*together))
    assert [source.speech for source in together] == [source.speech for source in alone]


def test_the_state_of_a_source_goes_from_hop_to_hop() -> None:
    source = Source(0.1, 0.0, 0.0)
    run(Rig().serve(source))
    first, second, third = source.speech
    assert first > second > third > 0.0


def test_a_source_offered_twice_gives_one_hop_a_tick() -> None:
    rig, source = Rig(), Source(0.1, 0.1)
    rig.pool.offer(source)
    run(rig.serve(source))
    assert rig.model.batch_sizes == [1, 1]


def test_a_source_that_was_withdrawn_is_not_asked() -> None:
    async def scenario() -> None:
        rig, leaves, stays = Rig(), Source(0.1), Source(0.1)
        rig.pool.offer(leaves)
        rig.pool.withdraw(leaves)
        rig.pool.withdraw(leaves)
        await rig.serve(stays)
        assert len(leaves.hops) == 1 and rig.model.batch_sizes == [1]

    run(scenario())


def test_without_a_hop_the_model_is_not_called() -> None:
    async def scenario() -> None:
        rig, empty, late = Rig(), Source(), Source(0.1)
        async with rig.serving():
            rig.pool.offer(empty)
            await until(lambda: empty.asked == 1)
            assert rig.pool.ticks == 0
            rig.pool.offer(late)
            await until(lambda: bool(late.speech))
        assert rig.model.batch_sizes == [1]

    run(scenario())


def test_a_fresh_state_is_the_models() -> None:
    assert Rig().pool.fresh_state() == LoudnessVad().fresh_state()


def test_compute_time_is_measured_around_the_model() -> None:
    rig = Rig(SlowVad(clock := ManualClock()), clock)
    run(rig.serve(Source(0.1, 0.1)))
    labels = {"worker": "0", "stage": "vad"}
    assert rig.metrics.registry.get_sample_value("asr_compute_busy_seconds_total", labels) == 0.5


def test_a_model_that_fails_ends_the_service() -> None:
    async def scenario() -> None:
        rig = Rig(BrokenVad())
        rig.pool.offer(Source(0.1))
        with pytest.raises(RuntimeError, match="no model"):
            await rig.pool.run()

    run(scenario())


def test_the_thread_of_the_model_ends_with_the_service() -> None:
    rig = Rig()
    run(rig.serve(Source(0.1)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vad")]
