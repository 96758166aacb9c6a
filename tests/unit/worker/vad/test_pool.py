from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.loudness_vad import LoudnessVad
from tests.support.vad_rig import Rig, Source
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState
from worker.vad.hearing import HeardHop
from worker.vad.pool import MAX_HOPS, TICK_HOPS


class Restless(Source):
    """Uses the first hop of those it gave, and no other."""

    def hops_done(self, heard: list[HeardHop]) -> bool:
        return super().hops_done(heard[:1])


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


class MeetingVad(LoudnessVad):
    """A call returns once so many are being made at the same time."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self._meeting = threading.Barrier(calls, timeout=10)

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        self._meeting.wait()
        return super().forward(hops, states)


class HeldVad(LoudnessVad):
    """No call returns before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        assert self.go.wait(10)
        return super().forward(hops, states)


def test_a_tick_calls_the_model_once_a_round_for_everybody() -> None:
    rig = Rig()
    run(rig.serve(*[Source(0.0, 0.1, 0.2, 0.1) for _ in range(25)]))
    assert rig.model.batch_sizes == [25] * 4
    assert rig.pool.ticks == 1


def test_who_has_no_more_hops_leaves_the_batch() -> None:
    rig = Rig()
    run(rig.serve(Source(0.1), Source(0.1, 0.1, 0.1), Source(0.1, 0.1)))
    assert (rig.model.batch_sizes, rig.pool.ticks) == ([3, 2, 1], 1)


def test_a_tick_takes_a_bounded_number_of_hops_from_one_source() -> None:
    source = Source(*[0.1] * (2 * MAX_HOPS + 1))
    run(Rig().serve(source))
    assert source.taken == [MAX_HOPS, MAX_HOPS, 1]


def test_a_tick_takes_fewer_hops_from_each_of_many_sources_but_one_at_least() -> None:
    async def taken(sources: int) -> set[int]:
        rig, crowd = Rig(), [Source(*[0.1] * 5) for _ in range(sources)]
        for source in crowd:
            rig.pool.offer(source)
        async with rig.serving():
            await until(lambda: rig.pool.ticks > 0)
        return {source.taken[0] for source in crowd}

    assert run(taken(TICK_HOPS // 4)) == {4}
    assert run(taken(TICK_HOPS * 2)) == {1}


def test_hops_that_a_source_did_not_use_are_heard_again_from_the_state_it_has() -> None:
    source, restless = (kind(0.1, 0.0, 0.05, 0.0) for kind in (Source, Restless))
    for each in (source, restless):
        run(Rig().serve(each))
    assert restless.speech == source.speech
    assert restless.taken == [1] * 4


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


def test_a_source_offered_twice_is_asked_once() -> None:
    rig, source = Rig(), Source(0.1, 0.1)
    rig.pool.offer(source)
    run(rig.serve(source))
    assert (rig.model.batch_sizes, source.asked) == ([1, 1], 1)


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


def test_one_tick_is_heard_beside_the_other() -> None:
    async def scenario() -> None:
        rig, first, second = Rig(MeetingVad(2)), Source(0.1), Source(0.2)
        async with rig.serving():
            rig.pool.offer(first)
            await until(lambda: first.asked == 1)
            rig.pool.offer(second)
            await until(lambda: bool(first.speech and second.speech))

    run(scenario())


def test_a_source_is_never_in_two_ticks_and_is_asked_again_if_it_was_offered_meanwhile() -> None:
    async def scenario() -> None:
        model = HeldVad()
        rig, source = Rig(model), Source(0.1)
        async with rig.serving():
            rig.pool.offer(source)
            await until(lambda: source.asked == 1)
            source.hops.append(np.full(HOP_SAMPLES, 0.2, np.float32))
            rig.pool.offer(source)
            await asyncio.sleep(0.03)
            assert source.asked == 1
            model.go.set()
            await until(lambda: len(source.speech) == 2)

    run(scenario())


def test_the_threads_of_the_model_end_with_the_service() -> None:
    rig = Rig()
    run(rig.serve(Source(0.1)))
    for thread in threading.enumerate():
        if thread.name.startswith("vad"):
            thread.join(timeout=10)
            assert not thread.is_alive()


class Keeping(ThreadPoolExecutor):
    """Its threads let go of nothing."""

    def __init__(self) -> None:
        super().__init__(1)
        self.given: list[object] = []

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        self.given.append(given)
        return super().submit(function, *given, **named)


async def heard(rig: Rig) -> weakref.ref[Source]:
    source = Source(0.5)
    rig.pool.offer(source)
    await until(lambda: bool(source.speech))
    return weakref.ref(source)


def test_a_session_that_was_heard_is_kept_by_nobody() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.pool._threads = threads = Keeping()
        async with rig.serving():
            left = await heard(rig)
            assert (len(threads.given), left()) == (1, None)

    run(scenario())
