"""Load for the engine bench: clips as the worker hands them over, and callers that ask again at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, takewhile

from common.audio import Samples, samples_to_seconds
from worker.engines.base import SegmentEngine, TranscribeRequest
from worker.pipeline.effects import DecodeKind


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds; `stages` as the engine names them."""

    audio_s: float
    latency_s: float
    busy_s: float
    text: str
    stages: dict[str, float]


async def drive(engine: SegmentEngine, clips: Iterable[Samples], in_flight: int) -> list[Answer]:
    """All clips as finals, in the order of the answers: as the worker's scheduler hands them over, so never
    more at once than the engine has room for. Raises a group of what the engine raises."""
    waiting = iter(clips)
    answers: list[Answer] = []
    running: set[asyncio.Task[None]] = set()

    async def one(clip: Samples) -> None:
        answers.append(await _answer(engine, clip))

    async with asyncio.TaskGroup() as tasks:
        while True:
            room = min(await engine.room(), in_flight - len(running))
            begun = [tasks.create_task(one(clip), name="clip") for clip in islice(waiting, room)]
            for task in begun:
                running.add(task)
                task.add_done_callback(running.discard)
            if len(begun) < room:
                break
            # So that what was just begun counts when the engine is asked for room again.
            await asyncio.sleep(0)
            if len(running) >= in_flight:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    return answers


def clips_for(
    clips: Sequence[Samples], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Samples]:
    """The clips, each of them at least once, again and again until the time is over."""
    end = clock() + seconds
    yield from clips
    yield from takewhile(lambda _: clock() < end, cycle(clips))


async def ask_again(
    ask: Callable[[], Awaitable[object]],
    in_flight: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """So many callers, each of which asks as soon as it was answered, at least twice and until the time is
    over: how many seconds each answer took."""
    end = clock() + seconds
    latencies_s: list[float] = []

    async def caller() -> None:
        asked = 0
        while asked < 2 or clock() < end:
            began = clock()
            await ask()
            latencies_s.append(clock() - began)
            asked += 1

    async with asyncio.TaskGroup() as callers:
        for _ in range(in_flight):
            callers.create_task(caller(), name="caller")
    return latencies_s


async def _answer(engine: SegmentEngine, clip: Samples) -> Answer:
    request = TranscribeRequest(clip, DecodeKind.FINAL, memory=engine.fresh_memory())
    began = time.perf_counter()
    hypothesis = await engine.transcribe(request)
    return Answer(
        audio_s=samples_to_seconds(len(clip)),
        latency_s=time.perf_counter() - began,
        busy_s=hypothesis.busy_s,
        text=hypothesis.text,
        stages=dict(hypothesis.stages),
    )
