"""An engine that says what it was given, or fails as the language of a request tells it to."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.audio import Samples
from common.settings import Settings
from worker.engines.base import (
    CardLost,
    EngineCapabilities,
    EngineDead,
    EngineError,
    Gather,
    Hypothesis,
    TranscribeRequest,
)
from worker.engines.words import TimedWord

MAX_IN_FLIGHT = 8
BATCH = 4
DEVICE = "echo"
GATHER = Gather(least_s=0.25, most_s=0.5, enough=MAX_IN_FLIGHT)


@dataclass
class Notes:
    """An engine's memory: how many requests came with it."""

    requests: int = 0


@dataclass
class EchoEngine:
    """`room` is of the whole batch, once all that was asked before is answered."""

    model: str | None
    capabilities: EngineCapabilities = field(
        default_factory=lambda: EngineCapabilities(
            max_segment_ms=2_000, max_in_flight=MAX_IN_FLIGHT, device=DEVICE, can_abort=True, gather=GATHER
        )
    )
    working: int = 0
    given_up: int = 0
    memories: int = 0
    dead: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        match self.model:
            case "broken":
                raise ValueError("the model is broken")
            case "no card":
                raise RuntimeError("CUDA error: MPS server is not ready to accept new MPS client requests")
            case "deadly":
                os.kill(os.getpid(), signal.SIGKILL)
        self.idle.set()

    def fresh_memory(self) -> Notes:
        self.memories += 1
        return Notes()

    async def room(self) -> int:
        await self.idle.wait()
        return BATCH

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        self.working += 1
        self.idle.clear()
        try:
            return await self._said(request)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.working -= 1
            if self.working == 0:
                self.idle.set()

    async def _said(self, request: TranscribeRequest) -> Hypothesis:
        order, _, seconds = (request.language or "").partition(" ")
        together = self.working
        if seconds:
            await asyncio.sleep(float(seconds))
        match order:
            case "refuse":
                raise EngineError("no")
            case "stumble":
                raise ZeroDivisionError("oh")
            case "die":
                raise EngineDead("it is over")
            case "lose":
                raise CardLost("it is over with the card")
            case "die-idle":
                self.dead = True
            case "hang":
                # The whole interpreter, as a call of a driver does that never returns.
                time.sleep(3_600)  # noqa: ASYNC251
        return Hypothesis(said(request, self), 0.5, _words(request), (("together", float(together)),))

    def check(self) -> None:
        if self.dead:
            raise EngineDead("it was found dead")

    async def close(self) -> None:
        if self.model is not None and self.model.startswith("/"):
            Path(self.model).write_text("closed")  # noqa: ASYNC240


def said(request: TranscribeRequest, engine: EchoEngine) -> str:
    requests = 0
    if request.memory is not None:
        request.memory.requests += 1
        requests = request.memory.requests
    parts = (
        fingerprint(request.audio),
        request.kind.name,
        "+".join(request.hotwords),
        request.start,
        requests,
        engine.memories,
        engine.given_up,
    )
    return " ".join(map(str, parts))


def fingerprint(audio: Samples) -> str:
    return f"{len(audio)}:{float(np.sum(audio * np.arange(1, len(audio) + 1))):.6g}"


def _words(request: TranscribeRequest) -> tuple[TimedWord, ...] | None:
    return (TimedWord("word", 0.25, 0.5, 0.75),) if request.timestamps else None


def create(settings: Settings) -> EchoEngine:
    return EchoEngine(settings.model)
