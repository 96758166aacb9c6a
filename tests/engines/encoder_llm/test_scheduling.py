"""Many sessions at once on the real engine: they share its batches, and nothing is encoded in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from common.audio import Samples
from common.clock import MonotonicClock
from common.events import Final as FinalEvent
from common.settings import Settings
from tests.support.clips import Clip, random_clips
from tests.support.live_worker import LiveWorker, turns
from tests.support.nano_engine import NanoEngine
from tests.support.scheduler_rig import Owner
from tests.support.session_rig import Sent
from worker.engines.base import Hypothesis, TranscribeRequest
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import Decode, DecodeKind
from worker.scheduler.decode_queue import Queued
from worker.scheduler.runner import DecodeScheduler

pytestmark = pytest.mark.timeout(300)

SESSIONS: Final = 20
SPOKEN_S: Final = 12.0
SPEED: Final = 4.0
ENCODER_S: Final = 0.1
LONG: Final = Clip(np.random.default_rng(0).normal(0, 0.1, 30 * 16_000).astype(np.float32), None, ())

Window = tuple[tuple[str, ...], DecodeKind, int, int]
"""Hotwords, which name the session here, kind, begin and end in samples."""


class Watch:
    """What comes to the encoder, what is replaced before, and how full vLLM is."""

    def __init__(self, nano: NanoEngine, worker: LiveWorker) -> None:
        self.encoded: list[Window] = []
        self.replaced: list[Window] = []
        self.running: list[int] = []
        self._nano = nano
        self._worker = worker

    @asynccontextmanager
    async def watching(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        audio, queue = self._nano.parts.audio, self._worker.scheduler._queue
        prompts_of, push = audio._prompts_of, queue.push

        def noted_prompts_of(jobs: Any) -> Any:
            self.encoded += [_window(job.request) for job in jobs]
            return prompts_of(jobs)

        def noted_push(request: Queued[Any]) -> list[Queued[Any]]:
            replaced: list[Queued[Any]] = push(request)
            for old in replaced:
                hotwords = old.owner.pipeline.options.hotwords
                self.replaced.append((hotwords, old.kind, old.decode.start, old.decode.end))
            return replaced

        monkeypatch.setattr(audio, "_prompts_of", noted_prompts_of)
        monkeypatch.setattr(queue, "push", noted_push)
        sampling = asyncio.create_task(self._sample())
        yield
        sampling.cancel()

    async def _sample(self) -> None:
        while True:
            if running := self._nano.unfinished():
                self.running.append(running)
            await asyncio.sleep(0.005)


def _window(request: TranscribeRequest) -> Window:
    return request.hotwords, request.kind, request.start, request.start + len(request.audio)


def test_sessions_with_hotwords_of_their_own_share_batches_and_waste_none(
    nano: NanoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = LiveWorker(nano.engine, Settings())
    watch = Watch(nano, worker)
    lists = [(f"list {number}", "Voxshard") for number in range(SESSIONS)]
    audio = nano.parts.audio
    encoded, batches = audio.encoded, audio.batches

    # The tiny encoder would be done before anybody else comes; a full one takes this long.
    slow_down(nano, monkeypatch, ENCODER_S)

    async def scenario() -> list[Sent]:
        async with worker.serving(), watch.watching(monkeypatch):
            sessions = (
                worker.speak(f"call {number}", hotwords, turns(SPOKEN_S, number), SPEED)
                for number, hotwords in enumerate(lists)
            )
            return await asyncio.gather(*sessions)

    everything = nano.run(scenario())
    encoded, batches = audio.encoded - encoded, audio.batches - batches
    running = float(np.mean(watch.running))
    print(  # noqa: T201
        f"{encoded} windows in {batches} encoder batches, {len(watch.replaced)} replaced before; "
        f"vLLM had {running:.1f} requests at a time, {max(watch.running)} at most"
    )
    assert running > 4
    assert encoded / batches > 4
    assert watch.replaced
    assert not set(watch.replaced) & set(watch.encoded)
    assert len(watch.encoded) == len(set(watch.encoded)) == encoded
    for sent in everything:
        assert sent.failure is None
        finals = sent.all(FinalEvent)
        assert len(finals) >= 2
        assert all(final.text for final in finals)
    assert nano.unfinished() == 0


def test_windows_that_come_while_a_batch_is_encoded_are_the_next_batch(nano: NanoEngine) -> None:
    async def scenario() -> None:
        audio = nano.parts.audio
        with held(nano) as hold:
            asked = [asyncio.create_task(nano.transcribe(clip)) for clip in random_clips(21)]
            await hold.reached()
            before = audio.batches
        await asyncio.gather(*asked)
        assert audio.batches - before <= 2

    nano.run(scenario())


def test_a_final_overtakes_queued_partials(nano: NanoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(nano.engine.capabilities, max_in_flight=2)
    monkeypatch.setattr(nano.engine, "capabilities", narrow)
    order: list[DecodeKind] = []

    async def scenario() -> None:
        scheduler = DecodeScheduler(nano.engine, WorkerMetrics("0"), MonotonicClock())
        answered = nano.parts.model.answer

        async def noted(vectors: Any, most: int, kind: DecodeKind, **options: Any) -> Any:
            order.append(kind)
            return await answered(vectors, most, kind, **options)

        monkeypatch.setattr(nano.parts.model, "answer", noted)
        serving = asyncio.create_task(scheduler.run())
        owners = [Owner() for _ in range(12)]
        for number, owner in enumerate(owners[:-1]):
            scheduler.submit(owner, Decode(DecodeKind.PARTIAL, 0, 0, 32_000 + 160 * number))
        await until(lambda: len(order) == 2)
        scheduler.submit(owners[-1], Decode(DecodeKind.FINAL, 0, 0, 48_000))
        await until(lambda: all(owner.texts for owner in owners))
        serving.cancel()

    nano.run(scenario())
    assert order.count(DecodeKind.FINAL) == 1
    # Two were begun; the third may have been chosen in the very moment.
    assert order.index(DecodeKind.FINAL) <= 3


def test_what_is_withdrawn_while_it_waits_is_never_encoded(nano: NanoEngine) -> None:
    async def scenario() -> None:
        audio = nano.parts.audio
        with held(nano) as hold:
            first = asyncio.create_task(nano.transcribe(random_clips(1)[0]))
            await hold.reached()
            encoded = audio.encoded
            asked = [asyncio.create_task(nano.transcribe(clip)) for clip in random_clips(8)]
            await asyncio.sleep(0.05)
            for task in asked[:5]:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(first, *asked[5:])
        assert audio.encoded - encoded == 1 + 3

    nano.run(scenario())


def test_what_is_withdrawn_while_it_is_answered_leaves_vllm(nano: NanoEngine) -> None:
    async def scenario() -> None:
        scheduler = DecodeScheduler(nano.engine, WorkerMetrics("0"), MonotonicClock())
        serving = asyncio.create_task(scheduler.run())
        leaves, stays = Owner(), Owner()
        scheduler.submit(leaves, Decode(DecodeKind.PARTIAL, 0, 0, 480_000))
        scheduler.submit(stays, Decode(DecodeKind.PARTIAL, 0, 0, 480_000))
        await until(lambda: nano.unfinished() == 2)
        scheduler.withdraw(leaves, DecodeKind.PARTIAL, 0)
        await until(lambda: nano.unfinished() == 1, within_s=1)
        assert not stays.texts
        await until(lambda: bool(stays.texts))
        serving.cancel()
        assert not leaves.texts
        assert not leaves.failed
        assert nano.unfinished() == 0

    nano.run(scenario())


def test_storms_of_cancellations_leave_nothing_behind(nano: NanoEngine) -> None:
    async def scenario() -> None:
        random = np.random.default_rng(0)
        clips = random_clips(16)
        expected = (await nano.transcribe(clips[5])).text
        alone = await timed(nano, LONG)
        for _ in range(4):
            asked = [asyncio.create_task(nano.transcribe(LONG)) for _ in range(60)]
            for task in asked:
                await asyncio.sleep(float(random.exponential(0.002)))
                task.cancel()
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError | Hypothesis) for result in results)
        await until(lambda: nano.unfinished() == 0, within_s=2)
        audio = nano.parts.audio
        await until(lambda: audio._serving is None)
        assert not audio._waiting
        # Nor does vLLM go on with any of the 240 behind our backs: that would take it many times as long.
        assert await timed(nano, LONG) < 5 * alone + 0.5
        assert (await nano.transcribe(clips[5])).text == expected
        assert await asyncio.wait_for(nano.engine.room(), 1) > 0

    nano.run(scenario())


def slow_down(nano: NanoEngine, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    runner = nano.parts.audio._runner
    run = runner.run

    def slowly(windows: list[Samples], with_hidden: list[bool]) -> Any:
        time.sleep(seconds)
        return run(windows, with_hidden)

    monkeypatch.setattr(runner, "run", slowly)


async def timed(nano: NanoEngine, clip: Clip) -> float:
    began = time.perf_counter()
    await nano.transcribe(clip)
    return time.perf_counter() - began


async def until(condition: Any, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        # Polled: the state of threads and of vLLM.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class Hold:
    """The encoder's thread stands still in its next batch until it is let go."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._let_go = threading.Event()

    def wait(self) -> None:
        self._reached.set()
        assert self._let_go.wait(30)

    async def reached(self) -> None:
        await until(self._reached.is_set)

    def let_go(self) -> None:
        self._let_go.set()


@contextmanager
def held(nano: NanoEngine) -> Iterator[Hold]:
    hold = Hold()
    runner = nano.parts.audio._runner
    run = runner.run

    def after_hold(windows: list[Samples], with_hidden: list[bool]) -> Any:
        hold.wait()
        return run(windows, with_hidden)

    runner.run = after_hold  # type: ignore[method-assign, assignment]
    try:
        yield hold
    finally:
        hold.let_go()
        runner.run = run  # type: ignore[method-assign]
