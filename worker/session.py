"""One live session in this process: performs the pipeline's effects and keeps its VAD state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, assert_never

import msgspec

from common.audio import Samples, pcm16_samples
from common.checkpoint import Checkpoint
from common.errors import EngineFailed, InternalError, VoxshardError
from common.events import Committed, Failed, Partial, SessionOptions, Settled, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from common.link import SEQUENCE_MASK, Credit, Decoding, FrameType
from worker.engines.base import Hypothesis, SegmentMemory, TranscribeRequest
from worker.in_decode import InDecode
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit, Promote, ResetVad, Settle, Withdraw
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.pipeline.streaming import BEHIND, StreamingPipeline
from worker.session_meter import SessionMeter, SessionTiming
from worker.session_services import Services
from worker.vad.base import VadState
from worker.vad.hearing import HeardHop

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


class WorkerSession:
    """Life ends once, by `end`; what comes back from VAD or engine after that changes nothing."""

    def __init__(self, session_id: str, send: Send, services: Services, pipeline: StreamingPipeline) -> None:
        self.id = session_id
        self.life = SessionLife.LIVE
        self.pipeline = pipeline
        self.vad_state: VadState = services.vad.fresh_state()
        self.in_decode = InDecode(lambda segments: send(FrameType.DECODING, Decoding(segments)))
        self._send = send
        self._services = services
        self._memories: dict[int, SegmentMemory] = {}
        self.timing = SessionTiming(services.metrics, services.clock)
        self._meter = SessionMeter(pipeline.timeline.start, pipeline.cursor)

    @property
    def next_sequence(self) -> int:
        """Sequence of the audio frame that must come next."""
        return self.pipeline.timeline.end & SEQUENCE_MASK

    # --- from the gateway ----------------------------------------------------------------------

    def audio(self, pcm: bytes) -> None:
        self.pipeline.push_audio(pcm)
        self.timing.arrived(self.pipeline.timeline.end)
        self._services.metrics.received(pcm16_samples(pcm))
        self._services.vad.offer(self)

    def configure(self, options: SessionOptions) -> None:
        self.pipeline.configure(options)

    def mark(self, mark: Mark) -> None:
        self.timing.marked()
        self.pipeline.mark(mark)
        # Through the pool, so that an order is never carried out while a hop is with the VAD.
        self._services.vad.offer(self)

    def end(self, life: SessionLife) -> None:
        """Leave VAD and engine; idempotent."""
        if self.life is SessionLife.LIVE:
            self.life = life
            self._services.vad.withdraw(self)
            self._services.scheduler.remove(self)
            self.in_decode.end()
            self.timing.trace.end(life.value)
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
            self._broken()

    def _broken(self) -> None:
        """Log the exception at hand and end the session."""
        log.exception("session failed", extra={"session": self.id})
        self.fail(InternalError())

    # --- HopSource -----------------------------------------------------------------------------

    @property
    def catching_up(self) -> bool:
        return self.unheard_samples() > BEHIND

    # Boundaries as well, written out: at thousands of hops a second a context manager is felt.

    def next_hops(self, limit: int) -> list[Samples]:
        hops: list[Samples] = []
        try:
            if self.life is SessionLife.LIVE:
                self._perform(self.pipeline.carry_out_orders())
            while self.life is SessionLife.LIVE and len(hops) < limit:
                samples = self.pipeline.next_hop(len(hops))
                if samples is None:
                    break
                hops.append(samples)
        except Exception:
            self._broken()
            return []
        return hops

    def hops_done(self, heard: list[HeardHop]) -> bool:
        try:
            return self._take(heard)
        except Exception:
            self._broken()
            return False

    def cannot_be_heard(self, error: Exception) -> None:
        log.error("hearing failed", extra={"session": self.id}, exc_info=error)
        self.fail(EngineFailed())

    def _take(self, heard: list[HeardHop]) -> bool:
        """As many of these hops as still hold, as if they had come one by one; whether there are more."""
        more = False
        for hop in heard:
            if self.life is not SessionLife.LIVE:
                return False
            self.vad_state = hop.state
            self._perform(self.pipeline.push_hop(hop.samples, hop.speech))
            self._grant_credit()
            more = self.pipeline.has_hop()
            # Whatever moves the cursor resets the VAD: the rest was heard from another state, or elsewhere.
            if not more or self.vad_state is not hop.state:
                break
        return more and self.life is SessionLife.LIVE

    def unheard_samples(self) -> int:
        return max(0, self.pipeline.timeline.end - self.pipeline.heard)

    def lag_s(self) -> float:
        """Age of the oldest audio that the VAD has never taken; 0 while less than a hop waits. What a cut has
        it take a second time is old, but nothing that the session would be behind with."""
        if self.unheard_samples() < HOP_SAMPLES:
            return 0.0
        return self.timing.age_of(self.pipeline.heard)

    # --- DecodeOwner ---------------------------------------------------------------------------

    def begun(self, decode: Decode) -> tuple[Decode, TranscribeRequest] | None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                decode = self.pipeline.begun(decode)
                self.timing.trace.begun(decode)
                return decode, self._request(decode)
        return None

    def _request(self, decode: Decode) -> TranscribeRequest:
        options = self.pipeline.options
        return TranscribeRequest(
            self.pipeline.timeline.samples(decode.start, decode.end),
            decode.kind,
            options.language,
            options.hotwords,
            timestamps=options.timestamps and decode.kind is not DecodeKind.PARTIAL,
            start=decode.start,
            memory=self._memory_of(decode.segment),
            afresh=decode.foreseen or decode.kind is DecodeKind.SPECULATIVE,
        )

    def _memory_of(self, segment: int) -> SegmentMemory:
        if segment not in self._memories:
            self._memories[segment] = self._services.engine.fresh_memory()
        return self._memories[segment]

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None:
        with self._boundary():
            if self.life is SessionLife.LIVE:
                self.timing.trace.decoded(decode, hypothesis)
                self._perform(self.pipeline.apply(decode, hypothesis.text, hypothesis.words))
                # A final makes room for the next hops of a session that had too many waiting.
                self._services.vad.offer(self)

    def decode_failed(self, decode: Decode) -> None:
        """The next partial replaces a partial, the final a speculation; only a final is indispensable."""
        with self._boundary():
            if self.life is SessionLife.LIVE and self.pipeline.failed(decode):
                self.fail(EngineFailed())

    # --- effects -------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Decode():
                    self._ask(effect)
                case Promote(segment):
                    self.timing.final_asked(segment)
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

    def _ask(self, decode: Decode) -> None:
        if decode.kind is DecodeKind.FINAL:
            self.timing.final_asked(decode.segment)
        self._services.scheduler.submit(self, decode)

    def _emit(self, event: SpeechStarted | Partial | FinalEvent | Committed | Stopped) -> None:
        self.timing.observe(event)
        if isinstance(event, FinalEvent):
            self._memories.pop(event.segment, None)
        if isinstance(event, Stopped):
            self.end(SessionLife.STOPPED)
        self._send(_FRAMES[type(event)], event)

    def _settle(self, checkpoint: Checkpoint) -> None:
        self._services.metrics.settled(self._meter.settle(checkpoint.audio_from))
        self.pipeline.timeline.trim(checkpoint.audio_from)
        self.timing.trim(checkpoint.audio_from)
        self._send(FrameType.SETTLED, Settled(checkpoint))

    def _grant_credit(self) -> None:
        samples = self._meter.credit_due(self.pipeline.cursor)
        if samples:
            self._send(FrameType.CREDIT, Credit(samples))
