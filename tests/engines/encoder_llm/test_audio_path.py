"""Which requests the encoder takes together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from common.audio import Samples
from tests.support.aio import run
from worker.engines.base import TranscribeRequest
from worker.engines.encoder_llm.audio_path import MAX_BATCH, AudioPath
from worker.engines.encoder_llm.graphs import Heard
from worker.pipeline.effects import DecodeKind


class _Runner:
    """Waits for the test before each batch, and keeps how many windows of how many samples it got."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Semaphore(0)

    def run(self, windows: Sequence[Samples], _: Sequence[bool]) -> list[Heard]:
        self.go.acquire(timeout=10)
        self.batches.append([len(window) for window in windows])
        return [Heard(np.zeros((1, 4), np.float32), None) for _ in windows]


class _Prompts:
    def around(self, rows: Any, *_: object) -> torch.Tensor:
        return torch.from_numpy(rows)


def request(kind: DecodeKind, samples: int) -> TranscribeRequest:
    return TranscribeRequest(np.zeros(samples, np.float32), kind)


def encoded(*requests: TranscribeRequest) -> list[list[int]]:
    """Batches of what comes while a first one, of one sample, is encoded."""
    runner = _Runner()
    path = AudioPath(cast(Any, runner), cast(Any, _Prompts()))

    async def scenario() -> None:
        asked = [asyncio.create_task(path.prompt(request(DecodeKind.PARTIAL, 1), ()))]
        await asyncio.sleep(0.01)
        asked += [asyncio.create_task(path.prompt(one, ())) for one in requests]
        await asyncio.sleep(0.01)
        runner.go.release(10)
        async with asyncio.timeout(10):
            await asyncio.gather(*asked)

    run(scenario())
    path.close()
    return runner.batches


def test_what_waits_is_the_next_batch() -> None:
    assert encoded(request(DecodeKind.PARTIAL, 2), request(DecodeKind.FINAL, 3)) == [[1], [2, 3]]


def test_more_than_a_batch_are_two() -> None:
    assert encoded(*[request(DecodeKind.PARTIAL, 2)] * (MAX_BATCH + 3)) == [[1], [2] * MAX_BATCH, [2] * 3]
