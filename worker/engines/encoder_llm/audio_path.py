"""Audio to prompt: the one thread that owns features, encoder and its stream of the card."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from worker.engines.base import TranscribeRequest
from worker.engines.encoder_llm.continuation import Continuation
from worker.engines.encoder_llm.graphs import EncoderRunner, Heard
from worker.engines.encoder_llm.prompts import PromptBook
from worker.engines.encoder_llm.rows import are_finite

MAX_BATCH: Final = 64


@dataclass(slots=True)
class Memory:
    """What is kept of an open segment."""

    said: Continuation = field(default_factory=Continuation)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the language model is asked. `hidden`, for word times only, is the encoder's output."""

    vectors: Tensor
    said: tuple[int, ...]
    hidden: Tensor | None


@dataclass(frozen=True, slots=True)
class _Job:
    request: TranscribeRequest
    said: tuple[int, ...]
    prompt: asyncio.Future[Prompt]


class AudioPath:
    """Requests that wait while a batch is encoded are the next batch."""

    def __init__(self, runner: EncoderRunner, prompts: PromptBook) -> None:
        self._runner = runner
        self._prompts = prompts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._waiting: list[_Job] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._serving: asyncio.Task[None] | None = None
        self.batches = 0
        self.encoded = 0

    @property
    def device(self) -> torch.device:
        return self._runner.device

    async def room(self) -> int:
        """Waits for the batch before to be encoded."""
        await self._idle.wait()
        return MAX_BATCH

    async def prompt(self, request: TranscribeRequest, said: tuple[int, ...]) -> Prompt:
        """Cancelled while it waits, a request is never encoded."""
        job = _Job(request, said, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._serving is None:
            self._idle.clear()
            self._serving = asyncio.create_task(self._serve(), name="encoder")
        return await job.prompt

    async def in_thread(self, function: Any, *arguments: Any) -> Any:
        """On the thread that owns the encoder's stream."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    async def _serve(self) -> None:
        """Until nothing waits."""
        try:
            while jobs := self._taken():
                await self._encode(jobs)
        finally:
            self._serving = None
            self._idle.set()

    def _taken(self) -> list[_Job]:
        wanted = [job for job in self._waiting if not job.prompt.done()]
        self._waiting = wanted[MAX_BATCH:]
        return wanted[:MAX_BATCH]

    async def _encode(self, jobs: Sequence[_Job]) -> None:
        try:
            prompts = await self.in_thread(self._prompts_of, jobs)
        except Exception as error:
            for job in jobs:
                if not job.prompt.done():
                    job.prompt.set_exception(error)
            return
        self.batches += 1
        self.encoded += len(jobs)
        for job, prompt in zip(jobs, prompts, strict=True):
            if not job.prompt.done():
                job.prompt.set_result(prompt)

    def _prompts_of(self, jobs: Sequence[_Job]) -> list[Prompt]:
        windows = [job.request.audio for job in jobs]
        heard = self._runner.run(windows, [job.request.timestamps for job in jobs])
        return [self._prompt_of(job, own) for job, own in zip(jobs, heard, strict=True)]

    def _prompt_of(self, job: _Job, heard: Heard) -> Prompt:
        if not are_finite(heard.rows):
            # A language model would say something all the same.
            raise RuntimeError("it gives what is no number")
        request = job.request
        vectors = self._prompts.around(heard.rows, request.language, request.hotwords, job.said)
        return Prompt(vectors, job.said, heard.hidden)
