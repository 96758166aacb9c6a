"""Runs a pipeline as a session does, with decodes that take as long as the test wants."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.audio import BYTES_PER_SAMPLE, ms_to_samples
from common.checkpoint import ORIGIN, Checkpoint
from common.events import Event, ScheduleStep, SessionOptions
from common.events import Final as FinalEvent
from tests.support.loudness_vad import LoudnessVad
from tests.support.sound import fingerprint
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit, Promote, ResetVad, Settle, Withdraw
from worker.pipeline.orders import Mark
from worker.pipeline.partials import PartialSettings
from worker.pipeline.streaming import StreamingPipeline

OPTIONS: Final = SessionOptions(silence_schedule=(ScheduleStep(2_000, 600), ScheduleStep(None, 300)))
PARTIALS: Final = PartialSettings(interval=ms_to_samples(480), window=ms_to_samples(8_000))
CAP: Final = ms_to_samples(3_000)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A checkpoint, and how many events were out when it was made."""

    checkpoint: Checkpoint
    events_before: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How many hops are taken before a decode is answered, and whether it can be stopped until then."""

    hops: int = 0
    in_flight: bool = False


@dataclass(slots=True)
class _Awaited:
    decode: Decode
    text: str | None
    due_after: int


class PipelineRun:
    def __init__(self, checkpoint: Checkpoint = ORIGIN, *, patience: Patience = Patience()) -> None:
        self.pipeline = StreamingPipeline(OPTIONS, CAP, PARTIALS, checkpoint)
        self.events: list[Event] = []
        self.settlements: list[Settlement] = []
        self.decodes: list[Decode] = []
        self._patience = patience
        self._vad = LoudnessVad()
        self._vad_state = self._vad.fresh_state()
        self._awaited: deque[_Awaited] = deque()
        self._hops = 0

    @property
    def finals(self) -> list[FinalEvent]:
        return [event for event in self.events if isinstance(event, FinalEvent)]

    def feed(self, pcm: bytes) -> None:
        self.pipeline.push_audio(pcm)
        self.work()

    def mark(self, mark: Mark) -> None:
        self.pipeline.mark(mark)
        self.work()

    def work(self) -> None:
        """Take all hops there are and bring all answers that are due."""
        self._perform(self.pipeline.carry_out_orders())
        while self._step():
            pass

    def finish(self) -> None:
        """STOP, and wait for all that was asked for."""
        self.mark(Mark.STOP)
        while self._awaited:
            self._answer()
            self.work()

    def _step(self) -> bool:
        if self._awaited and self._awaited[0].due_after <= self._hops:
            self._answer()
            return True
        samples = self.pipeline.next_hop()
        if samples is None:
            return False
        [speech], [self._vad_state] = self._vad.forward(samples[None], [self._vad_state])
        self._hops += 1
        self._perform(self.pipeline.push_hop(samples, speech))
        return True

    def _answer(self) -> None:
        answered = self._awaited.popleft()
        text = self._heard(answered.decode) if answered.text is None else answered.text
        self._perform(self.pipeline.apply(answered.decode, text))
        self._perform(self.pipeline.carry_out_orders())

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Decode():
                    self._submit(effect)
                case Promote(segment):
                    self._promote(segment)
                case Withdraw(kind, segment):
                    self._withdraw(kind, segment)
                case Emit(event):
                    self.events.append(event)
                case Settle(checkpoint):
                    self.settlements.append(Settlement(checkpoint, len(self.events)))
                    self.pipeline.timeline.trim(checkpoint.audio_from)
                case ResetVad():
                    self._vad_state = self._vad.fresh_state()

    def _submit(self, decode: Decode) -> None:
        self.decodes.append(decode)
        # A decode in flight has taken its audio; a queued one takes it when it is served.
        text = self._heard(decode) if self._patience.in_flight else None
        self._awaited.append(_Awaited(decode, text, self._hops + self._patience.hops))

    def _heard(self, decode: Decode) -> str:
        return fingerprint(self.pipeline.timeline.samples(decode.start, decode.end))

    def _promote(self, segment: int) -> None:
        for awaited in self._awaited:
            old = awaited.decode
            if not self._patience.in_flight and _is(old, DecodeKind.SPECULATIVE, segment):
                awaited.decode = Decode(DecodeKind.FINAL, segment, old.start, old.end)

    def _withdraw(self, kind: DecodeKind, segment: int) -> None:
        if not self._patience.in_flight:
            kept = [awaited for awaited in self._awaited if not _is(awaited.decode, kind, segment)]
            self._awaited = deque(kept)


def _is(decode: Decode, kind: DecodeKind, segment: int) -> bool:
    return decode.kind is kind and decode.segment == segment


def run_whole(pcm: bytes, *, patience: Patience = Patience(), commits: Sequence[int] = ()) -> PipelineRun:
    """One session from START to STOP; `commits` are samples, rising, where a COMMIT comes."""
    return run_from(ORIGIN, pcm, patience=patience, commits=commits)


def run_from(
    checkpoint: Checkpoint, pcm: bytes, *, patience: Patience = Patience(), commits: Sequence[int] = ()
) -> PipelineRun:
    """The rest of a session from `checkpoint` on, out of the audio of the whole one."""
    run = PipelineRun(checkpoint, patience=patience)
    position = checkpoint.audio_from
    for commit in [commit for commit in commits if commit >= checkpoint.vad_from]:
        run.feed(between(pcm, position, commit))
        run.mark(Mark.COMMIT)
        position = commit
    run.feed(pcm[position * BYTES_PER_SAMPLE :])
    run.finish()
    return run


def between(pcm: bytes, start: int, end: int) -> bytes:
    return pcm[start * BYTES_PER_SAMPLE : end * BYTES_PER_SAMPLE]
