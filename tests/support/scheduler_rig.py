"""A scheduler on an engine that answers when the test says so, and sessions that keep what they get."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import numpy as np

from tests.support.aio import beside
from tests.support.clock import ManualClock
from tests.support.held_engine import HeldEngine
from worker.engines.base import Gather, Hypothesis, TranscribeRequest
from worker.in_decode import InDecode
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import Decode, DecodeKind
from worker.scheduler.runner import DecodeScheduler


class Owner:
    """A session that gives its decodes' lengths for audio and keeps what comes back."""

    def __init__(
        self,
        name: str = "call",
        *,
        ended: bool = False,
        suspects: tuple[int, ...] = (),
        catching_up: bool = False,
    ) -> None:
        self.id = name
        self.catching_up = catching_up
        self.ended = ended
        self.said: list[tuple[int, ...]] = []
        """The segments that the engine has, whenever that was said."""
        self.in_decode = InDecode(self.said.append)
        self.in_decode.suspects = suspects
        self.texts: list[tuple[DecodeKind, str]] = []
        self.failed: list[Decode] = []

    def begun(self, decode: Decode) -> tuple[Decode, TranscribeRequest] | None:
        if self.ended:
            return None
        audio = np.zeros(decode.end - decode.start, np.float32)
        return decode, TranscribeRequest(audio, decode.kind)

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None:
        self.texts.append((decode.kind, hypothesis.text))

    def decode_failed(self, decode: Decode) -> None:
        self.failed.append(decode)


class Rig:
    def __init__(
        self, max_in_flight: int = 1, *, can_abort: bool = False, gather: Gather | None = None
    ) -> None:
        self.engine = HeldEngine(max_in_flight, can_abort=can_abort, gather=gather)
        self.metrics = WorkerMetrics("0")
        self.clock = ManualClock()
        self.scheduler = DecodeScheduler(self.engine, self.metrics, self.clock)

    @property
    def lengths(self) -> list[int]:
        """Of the audio that the engine has been given."""
        return [len(request.audio) for request in self.engine.taken]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"worker": "0", **labels})

    def serving(self) -> AbstractAsyncContextManager[None]:
        return beside(self.scheduler.run())
