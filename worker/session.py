"""One live session in this process: performs the pipeline's effects and keeps its VAD state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

import msgspec

from common.audio import Samples, ms_to_samples, pcm16_samples
from common.checkpoint import Checkpoint
from common.clock import Clock
from common.errors import EngineFailed, InternalError, VoxshardError
from common.events import Committed, Failed, Partial, SessionOptions, Settled, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from common.link import SEQUENCE_MASK, Credit, FrameType
from common.settings import Settings
from worker.engines.base import EngineCapabilities, Hypothesis, TranscribeRequest
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit, Promote, ResetVad, Settle, Withdraw
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.pipeline.partials import PartialSettings
from worker.pipeline.streaming import StreamingPipeline
from worker.scheduler.runner import DecodeScheduler
from worker.session_meter import SessionMeter, SessionTiming
from worker.vad.base import VadState
from worker.vad.pool import VadPool

log = logging.getLogger(__name__)

Send = Callable[[FrameType, msgspec.Struct], None]

_FRAMES: Final[dict[type[msgspec.Struct], FrameType]] = {
    SpeechStarted: FrameType.SPEECH,
    Partial: FrameType.PARTIAL,
    FinalEvent: FrameType.FINAL,
    Committed: FrameType.COMMITTED,
    Stopped: FrameType.STOPPED,
}


class SessionLife(Enum):
    LIVE = "live"
    STOPPED = "stopped"
    FAILED = "failed"
    EVICTED = "evicted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions of a worker share."""

    vad: VadPool
    scheduler: DecodeScheduler
    metrics: WorkerMetrics
    clock: Clock
    capabilities: EngineCapabilities
    settings: Settings

    def pipeline(self, options: SessionOptions, checkpoint: Checkpoint) -> StreamingPipeline:
        cap_ms = self.settings.segment_cap_ms or self.capabilities.max_segment_ms
        partials = PartialSettings(
            interval=ms_to_samples(self.settings.partial_interval_ms),
            window=ms_to_samples(self.settings.partial_window_ms),
        )
        return StreamingPipeline(options, ms_to_samples(cap_ms), partials, checkpoint)


class WorkerSession:
    """Life ends once, by `end`; what comes back from VAD or engine after that changes nothing."""

    def __init__(self, session_id: str, send: Send, services: Services, pipeline: StreamingPipeline) -> None:
        self.id = session_id
        self.life = SessionLife.LIVE
        self.pipeline = pipeline
        self.vad_state: VadState = services.vad.fresh_state()
        self._send = send
        self._services = services
        self._timing = SessionTiming(services.metrics, services.clock)
        self._meter = SessionMeter(pipeline.timeline.start, pipeline.cursor)

    @property
    def next_sequence(self) -> int:
        """Sequence of the audio frame that must come next."""
        return self.pipeline.timeline.end & SEQUENCE_MASK

    # --- from the gateway ----------------------------------------------------------------------

    def audio(self, pcm: bytes) -> None:
        self.pipeline.push_audio(pcm)
        self._timing.arrived(self.pipeline.timeline.end)
        self._services.metrics.received(pcm16_samples(pcm))
        self._services.vad.offer(self)

    def configure(self, options: SessionOptions) -> None:
        self.pipeline.configure(options)

    def mark(self, mark: Mark) -> None:
        self._timing.marked()
        self.pipeline.mark(mark)
        # Through the pool, so that an order is never carried out while a hop is with the VAD.
        self._services.vad.offer(self)

    def end(self, life: SessionLife) -> None:
        """Leave VAD and engine; idempotent."""
        if self.life is SessionLife.LIVE:
            self.life = life
            self._services.vad.withdraw(self)
            self._services.scheduler.remove(self)
            self._services.metrics.ended(life.value)

    def fail(self, error: VoxshardError, life: SessionLife = SessionLife.FAILED) -> None:
        """Tell the gateway why, then end."""
        if self.life is SessionLife.LIVE:
            self.end(life)
            self._send(FrameType.FAILED, Failed(error.code, error.text))

    @contextmanager
    def _boundary(self) -> Iterator[None]:
        """Whatever goes wrong in one session must not end the others, nor the loops that serve all."""
        try:
            yield
        except Exception:
            log.exception("session failed", extra={"session": self.id})
            self.fail(InternalError())

    # --- HopSource -----------------------------------------------------------------------------

    def next_hop(self) -> Samples | None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                self._perform(self.pipeline.carry_out_orders())
            if self.life is SessionLife.LIVE:
                return self.pipeline.next_hop()
        return None

    def hop_done(self, samples: Samples, speech: float, state: VadState) -> None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                self.vad_state = state
                self._perform(self.pipeline.push_hop(samples, speech))
                self._grant_credit()

    def unheard_samples(self) -> int:
        return max(0, self.pipeline.timeline.end - self.pipeline.cursor)

    def lag_s(self) -> float:
        """Age of the oldest audio that the VAD has not taken; 0 while less than a hop waits."""
        if self.unheard_samples() < HOP_SAMPLES:
            return 0.0
        return self._timing.age_of(self.pipeline.cursor)

    # --- DecodeOwner ---------------------------------------------------------------------------

    def request_for(self, decode: Decode) -> TranscribeRequest | None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                options = self.pipeline.options
                audio = self.pipeline.timeline.samples(decode.start, decode.end)
                is_final = decode.kind is not DecodeKind.PARTIAL
                return TranscribeRequest(audio, is_final, options.language, options.hotwords)
        return None

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                self._perform(self.pipeline.apply(decode, hypothesis.text))
                # A final makes room for the next hops of a session that had too many waiting.
                self._services.vad.offer(self)

    def decode_failed(self, decode: Decode) -> None:
        """The next partial replaces a partial, the final a speculation; only a final is indispensable."""
        if self.life is SessionLife.LIVE and self.pipeline.failed(decode):
            self.fail(EngineFailed())

    # --- effects -------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Decode():
                    self._services.scheduler.submit(self, effect)
                case Promote(segment):
                    self._services.scheduler.promote(self, segment)
                case Withdraw(kind, segment):
                    self._services.scheduler.withdraw(self, kind, segment)
                case Emit(event):
                    self._emit(event)
                case Settle(checkpoint):
                    self._settle(checkpoint)
                case ResetVad():
                    self.vad_state = self._services.vad.fresh_state()
                case _:
                    assert_never(effect)

    def _emit(self, event: SpeechStarted | Partial | FinalEvent | Committed | Stopped) -> None:
        self._timing.observe(event)
        if isinstance(event, Stopped):
            self.end(SessionLife.STOPPED)
        self._send(_FRAMES[type(event)], event)

    def _settle(self, checkpoint: Checkpoint) -> None:
        self._services.metrics.settled(self._meter.settle(checkpoint.audio_from))
        self.pipeline.timeline.trim(checkpoint.audio_from)
        self._timing.trim(checkpoint.audio_from)
        self._send(FrameType.SETTLED, Settled(checkpoint))

    def _grant_credit(self) -> None:
        samples = self._meter.credit_due(self.pipeline.cursor)
        if samples:
            self._send(FrameType.CREDIT, Credit(samples))
