"""Sessions of a worker without its loops: the test says when the VAD listens and what the engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, TypeVar, cast

import msgspec

from common.audio import BYTES_PER_SAMPLE
from common.checkpoint import ORIGIN, Checkpoint
from common.events import Failed, SessionOptions
from common.events import Final as FinalEvent
from common.link import FrameType
from common.settings import Settings
from common.silence import parse_schedule
from tests.support.clock import ManualClock
from tests.support.held_engine import HeldEngine
from tests.support.loudness_vad import LoudnessVad
from worker.engines.base import Hypothesis, TranscribeRequest
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import Decode, DecodeKind
from worker.scheduler.decode_queue import DecodeQueue, Queued
from worker.scheduler.runner import DecodeOwner, DecodeScheduler
from worker.session import WorkerSession
from worker.session_services import Services
from worker.vad.base import VadState
from worker.vad.hearing import HeardHop
from worker.vad.pool import MAX_HOPS, HopSource, VadPool

Record = TypeVar("Record", bound=msgspec.Struct)

OPTIONS: Final = SessionOptions(silence_schedule=parse_schedule("inf:600"))
FRAME_BYTES: Final = 1_600 * BYTES_PER_SAMPLE


class FakePool:
    """Asks a session for hops when told to; `limits` says for how many at most, in turn."""

    def __init__(self, limits: Sequence[int] = (MAX_HOPS,)) -> None:
        self.model = LoudnessVad()
        self.lag = self.model.lag
        self.sources: dict[HopSource, None] = {}
        self._limits = cycle(limits)

    def fresh_state(self) -> VadState:
        return self.model.fresh_state()

    def offer(self, source: HopSource) -> None:
        self.sources[source] = None

    def withdraw(self, source: HopSource) -> None:
        self.sources.pop(source, None)

    def work(self) -> None:
        """Until nobody has a hop."""
        while self.sources:
            source, _ = self.sources.popitem()
            heard = self.hear(source)
            if heard:
                self.give(source, heard)

    def hear(self, source: HopSource) -> list[HeardHop]:
        """What a source has, heard in a row, but not given back yet."""
        hops, heard = source.next_hops(next(self._limits)), list[HeardHop]()
        # Only now: an order that was carried out has reset it.
        state = source.vad_state
        for samples in hops:
            [speech], [state] = self.model.forward(samples[None], [state])
            heard.append(HeardHop(samples, speech, state))
        return heard

    def give(self, source: HopSource, heard: list[HeardHop]) -> None:
        if source.hops_done(heard):
            self.offer(source)


class FakeScheduler:
    """Keeps what sessions want decoded; the test serves it."""

    def __init__(self) -> None:
        self.queue: DecodeQueue[DecodeOwner] = DecodeQueue()
        self.served: list[TranscribeRequest] = []

    def submit(self, owner: DecodeOwner, decode: Decode) -> None:
        self.queue.push(Queued(owner, decode, 0.0))

    def promote(self, owner: DecodeOwner, segment: int) -> None:
        self.queue.promote(owner, segment, 0.0)

    def withdraw(self, owner: DecodeOwner, kind: DecodeKind, segment: int) -> None:
        self.queue.withdraw(owner, kind, segment)

    def remove(self, owner: DecodeOwner) -> None:
        self.queue.remove_owner(owner)

    def take(self) -> tuple[DecodeOwner, Decode] | None:
        """The next decode, if its session still wants it: in flight from now on."""
        queued = self.queue.pop()
        if queued is None:
            return None
        decode = queued.decode
        begun = queued.owner.begun(decode)
        if begun is not None:
            decode, request = begun
            self.served.append(request)
        return queued.owner, decode

    def answer(self, text: str) -> Decode:
        """Serve the next decode; there must be one."""
        taken = self.take()
        assert taken is not None
        owner, decode = taken
        owner.decoded(decode, Hypothesis(text, 0.0))
        return decode

    def take_and_answer(self, text: str) -> bool:
        """Serve the next decode if there is one."""
        if len(self.queue):
            self.answer(text)
            return True
        return False


@dataclass(slots=True)
class Sent:
    """What a session has sent to its gateway."""

    frames: list[tuple[FrameType, msgspec.Struct]] = field(default_factory=list)

    def __call__(self, kind: FrameType, payload: msgspec.Struct) -> None:
        self.frames.append((kind, payload))

    @property
    def kinds(self) -> list[FrameType]:
        return [kind for kind, _ in self.frames]

    def all(self, record: type[Record]) -> list[Record]:
        return [payload for _, payload in self.frames if isinstance(payload, record)]

    @property
    def texts(self) -> list[str]:
        return [final.text for final in self.all(FinalEvent)]

    @property
    def failure(self) -> str | None:
        """Code of the error that ended the session."""
        failed = self.all(Failed)
        return failed[-1].code if failed else None


class SessionRig:
    def __init__(self, settings: Settings | None = None, hop_limits: Sequence[int] = (MAX_HOPS,)) -> None:
        self.pool = FakePool(hop_limits)
        self.engine = HeldEngine(max_segment_ms=6_000)
        self.scheduler = FakeScheduler()
        self.clock = ManualClock()
        self.metrics = WorkerMetrics("0")
        self.services = Services(
            vad=cast(VadPool, self.pool),
            scheduler=cast(DecodeScheduler, self.scheduler),
            metrics=self.metrics,
            clock=self.clock,
            engine=self.engine,
            settings=settings or Settings(),
        )

    def open(
        self, name: str = "call", options: SessionOptions = OPTIONS, checkpoint: Checkpoint = ORIGIN
    ) -> tuple[WorkerSession, Sent]:
        sent = Sent()
        pipeline = self.services.pipeline(options, checkpoint)
        return WorkerSession(name, sent, self.services, pipeline), sent

    def hear(self, session: WorkerSession, pcm: bytes) -> None:
        """Give it frame by frame; the VAD listens after each."""
        for start in range(0, len(pcm), FRAME_BYTES):
            session.audio(pcm[start : start + FRAME_BYTES])
            self.pool.work()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"worker": "0", **labels})
