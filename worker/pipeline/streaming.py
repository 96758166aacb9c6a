"""The pipeline of one live session: audio in, effects out.

The owner feeds audio and marks, runs the VAD over the hops it is given, and brings decoded text back. It
performs the effects in the order in which they come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from common.audio import Samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.events import Committed, EndpointReason, SessionOptions, SpeechStarted, Stopped
from common.silence import SilenceSchedule
from common.timeline import AudioTimeline
from worker.engines.words import TimedWord
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit, Promote, ResetVad, Settle, Withdraw
from worker.pipeline.hop import HOP_SAMPLES, SILERO_LAG, DetectorLag, Hop
from worker.pipeline.orders import Mark, Orders
from worker.pipeline.partials import PartialPolicy, PartialSettings, speculation_due
from worker.pipeline.recognised import Recognised, recognised
from worker.pipeline.segmenter import TAIL, Closed, Opened, OpenSegment, Rested, Segmenter, SegmenterState
from worker.pipeline.transcript import Transcript

# A session that sends faster than it is decoded waits here, before its audio is even looked at.
MAX_AWAITED_FINALS: Final = 2
# More than any live client sends at once; beyond it a session is catching up.
BEHIND: Final = seconds_to_samples(1.5)


@dataclass(slots=True)
class _Speculation:
    """A decode of the open segment ahead of its endpoint."""

    segment: int
    audio_to: int
    said: Recognised | None = None
    failed: bool = False

    def is_of(self, decode: Decode) -> bool:
        return (self.segment, self.audio_to) == (decode.segment, decode.end)


class StreamingPipeline:
    def __init__(
        self,
        options: SessionOptions,
        cap_samples: int,
        partials: PartialSettings,
        checkpoint: Checkpoint,
        lag: DetectorLag = SILERO_LAG,
    ) -> None:
        self._options = options
        self._partial_settings = partials
        self.timeline = AudioTimeline(checkpoint.audio_from)
        self._cursor = checkpoint.vad_from
        self._heard = checkpoint.vad_from
        self._segmenter = Segmenter(SilenceSchedule(options.silence_schedule), cap_samples, checkpoint, lag)
        self._transcript = Transcript()
        self._orders = Orders()
        self._policy: PartialPolicy | None = None
        self._due_at: int | None = None
        self._speculation: _Speculation | None = None
        self._rested: Checkpoint | None = None
        if (segment := self._segmenter.open_segment) is not None:
            self._policy = PartialPolicy(partials, segment.start)

    # --- what comes in -------------------------------------------------------------------------

    def configure(self, options: SessionOptions) -> None:
        self._options = options
        self._segmenter.schedule = SilenceSchedule(options.silence_schedule)

    @property
    def options(self) -> SessionOptions:
        return self._options

    @property
    def speaking(self) -> bool:
        return self._segmenter.open_segment is not None

    @property
    def cursor(self) -> int:
        """First sample that the VAD has not taken yet."""
        return self._cursor

    @property
    def heard(self) -> int:
        """One past the newest sample that the VAD has taken; a cut sends the cursor back behind it."""
        return max(self._heard, self._cursor)

    def push_audio(self, pcm: bytes) -> None:
        self.timeline.append(pcm)

    def mark(self, mark: Mark) -> None:
        """The order holds for all audio pushed so far; `next_hop` stops there until it is carried out."""
        self._orders.add(mark, self.timeline.end)

    def has_hop(self, ahead: int = 0) -> bool:
        """Whether `next_hop` gives the hop that lies so many hops behind the one at the cursor."""
        if self._orders.reached is not None or self._transcript.awaited >= MAX_AWAITED_FINALS:
            return False
        return self._cursor + (ahead + 1) * HOP_SAMPLES <= self._orders.limit(self.timeline.end)

    def next_hop(self, ahead: int = 0) -> Samples | None:
        """The hop at the cursor, or `ahead` hops behind it, shape (512,); None if not there, or to wait."""
        if not self.has_hop(ahead):
            return None
        start = self._cursor + ahead * HOP_SAMPLES
        return self.timeline.samples(start, start + HOP_SAMPLES)

    def push_hop(self, samples: Samples, speech: float) -> list[Effect]:
        """The VAD's answer for the hop that `next_hop` gave."""
        loudness = math.sqrt(float(np.dot(samples, samples)) / HOP_SAMPLES)
        hop = Hop(self._cursor, self._cursor + HOP_SAMPLES, speech, loudness)
        self._cursor = hop.end
        self._heard = max(self._heard, hop.end)
        effects: list[Effect] = []
        for action in self._segmenter.advance(hop):
            match action:
                case Opened(segment):
                    self._policy = PartialPolicy(self._partial_settings, segment.start, self._due_at)
                    effects.append(Emit(SpeechStarted(segment.index, segment.start)))
                case Closed():
                    effects += self._on_closed(action)
                case Rested(checkpoint):
                    effects += self._on_rested(checkpoint)
        return effects + self._decodes_due() + self.carry_out_orders()

    def carry_out_orders(self) -> list[Effect]:
        """Carry out the orders that the cursor has come to. Not while a hop is with the VAD."""
        effects: list[Effect] = []
        while (order := self._orders.reach(self._cursor)) is not None:
            closed = self._segmenter.close(order.position, order.mark.reason)
            effects += (self._on_closed(closed) if closed else []) + self._answer_order()
        return effects

    def begun(self, decode: Decode) -> Decode:
        """A decode that was asked for, now that its turn has come: a partial hears all that came while it was
        waiting."""
        segment = self._segmenter.open_segment
        if decode.kind is not DecodeKind.PARTIAL or segment is None or segment.index != decode.segment:
            return decode
        assert self._policy is not None
        return replace(decode, start=self._policy.begun(decode.start, self._cursor), end=self._cursor)

    def apply(self, decode: Decode, text: str, words: tuple[TimedWord, ...] | None = None) -> list[Effect]:
        """Text of a decode that was asked for; one that nobody waits for any more changes nothing."""
        said = recognised(decode, text, words)
        match decode.kind:
            case DecodeKind.PARTIAL:
                return self._apply_partial(decode, said.text)
            case DecodeKind.SPECULATIVE:
                return self._apply_speculative(decode, said)
            case DecodeKind.FINAL:
                return self._apply_final(decode.segment, said)

    def failed(self, decode: Decode) -> bool:
        """A decode came to nothing: whether the session cannot go on without it."""
        if decode.kind is DecodeKind.PARTIAL:
            return False
        speculation = self._speculation
        if speculation is not None and speculation.is_of(decode):
            # Stays, so that the same audio is not tried at once again.
            speculation.failed = True
        return self._transcript.awaits(decode.segment, decode.end)

    # --- segments ------------------------------------------------------------------------------

    def _on_closed(self, closed: Closed) -> list[Effect]:
        self._transcript.close(closed)
        self._cursor = closed.checkpoint.vad_from
        self._rested = None
        speculation, self._speculation = self._speculation, None
        was_cut = closed.reason is EndpointReason.MAX_LENGTH
        self._due_at = None
        if was_cut and self._policy is not None:
            # The final takes the place of a partial that waits.
            self._policy.not_begun()
            self._due_at = self._policy.due_at
        self._policy = None
        # At a cut somebody speaks on, and a partial that has begun is what they see next.
        withdrawn = [] if was_cut else [Withdraw(DecodeKind.PARTIAL, closed.segment.index)]
        effects: list[Effect] = [ResetVad(), *withdrawn, *self._final_decode(closed, speculation)]
        if closed.checkpoint.in_speech:
            start = closed.checkpoint.vad_from
            self._policy = PartialPolicy(self._partial_settings, start, self._due_at)
            effects.append(Emit(SpeechStarted(closed.checkpoint.segment, closed.checkpoint.vad_from)))
        return effects

    def _final_decode(self, closed: Closed, speculation: _Speculation | None) -> list[Effect]:
        segment = closed.segment
        if closed.audio_to == segment.audio_from:
            return self._apply_final(segment.index, Recognised(""))
        if speculation is None or speculation.failed:
            return [Decode(DecodeKind.FINAL, segment.index, segment.audio_from, closed.audio_to)]
        if speculation.audio_to != closed.audio_to:
            decode = Decode(DecodeKind.FINAL, segment.index, segment.audio_from, closed.audio_to)
            return [Withdraw(DecodeKind.SPECULATIVE, segment.index), decode]
        if speculation.said is None:
            return [Promote(segment.index)]
        return self._apply_final(segment.index, speculation.said)

    def _on_rested(self, checkpoint: Checkpoint) -> list[Effect]:
        self._cursor = checkpoint.vad_from
        if self._transcript.awaited:
            self._rested = checkpoint
            return [ResetVad()]
        return [ResetVad(), Settle(checkpoint)]

    # --- decodes -------------------------------------------------------------------------------

    def _decodes_due(self) -> list[Effect]:
        segment = self._segmenter.open_segment
        # What a cut has the VAD take a second time is soon over, and was in partials before.
        if segment is None or self._cursor < self._heard or not self._segmenter.holds_speech:
            return []
        if self._segmenter.state is SegmenterState.TRAILING:
            return self._speculate(segment)
        return self._withdraw_speculation() + self._partial(segment)

    def _speculate(self, segment: OpenSegment) -> list[Effect]:
        silence = self._cursor - self._segmenter.speech_end
        required = self._segmenter.required_silence(self._cursor)
        if self._speculation is None and speculation_due(silence, required, TAIL):
            audio_to = self._segmenter.speech_end + TAIL
            self._speculation = _Speculation(segment.index, audio_to)
            if self._policy is not None:
                self._policy.not_begun()
            return [Decode(DecodeKind.SPECULATIVE, segment.index, segment.audio_from, audio_to)]
        return self._partial(segment) if self._speculation is None else []

    def _withdraw_speculation(self) -> list[Effect]:
        if self._speculation is None:
            return []
        withdrawn, self._speculation = self._speculation, None
        return [Withdraw(DecodeKind.SPECULATIVE, withdrawn.segment)]

    def _partial(self, segment: OpenSegment) -> list[Effect]:
        policy = self._policy
        if policy is None or self._is_behind() or not policy.due(self._cursor, self._segmenter.speech_end):
            return []
        policy.requested(self._cursor)
        start = policy.window_start(segment.audio_from, self._cursor)
        return [Decode(DecodeKind.PARTIAL, segment.index, start, self._cursor)]

    def _is_behind(self) -> bool:
        """Audio comes faster than it is heard: finals are wanted, and nobody reads along."""
        return self.timeline.end - self._cursor > BEHIND

    # --- text ----------------------------------------------------------------------------------

    def _apply_partial(self, decode: Decode, text: str) -> list[Effect]:
        segment = self._segmenter.open_segment
        if segment is not None and segment.index == decode.segment and self._policy is not None:
            self._policy.answered(text)
        else:
            # Cut while this was being decoded: still the newest there is to read until its final comes.
            segment = self._transcript.shown_and_awaited(decode.segment)
        if segment is None or decode.end < self._transcript.heard_of(segment):
            return []
        return [Emit(self._transcript.partial(segment, text, decode.start, decode.end))]

    def _apply_speculative(self, decode: Decode, said: Recognised) -> list[Effect]:
        speculation = self._speculation
        if self._transcript.awaits(decode.segment, decode.end):
            # Promoted while it was being decoded; or withdrawn, and then a cut came to the same audio.
            return [Withdraw(DecodeKind.FINAL, decode.segment), *self._apply_final(decode.segment, said)]
        if speculation is None or not speculation.is_of(decode):
            return []
        speculation.said = said
        return self._apply_partial(decode, said.text)

    def _apply_final(self, segment: int, said: Recognised) -> list[Effect]:
        effects: list[Effect] = []
        locked = said.locked(self._options)
        for closed, final in self._transcript.final(segment, locked.text, locked.words):
            effects += [Emit(final), Settle(closed.checkpoint)]
        if self._transcript.awaited == 0 and self._rested is not None:
            effects.append(Settle(self._rested))
            self._rested = None
        return effects + self._answer_order()

    def _answer_order(self) -> list[Effect]:
        """Once all that was closed is locked, the order that closed it is answered."""
        order = self._orders.reached
        if order is None or self._transcript.awaited:
            return []
        self._orders.answered()
        if order.mark is Mark.COMMIT:
            return [Emit(Committed(order.position))]
        settled = Checkpoint(order.position, order.position, self._segmenter.next_index)
        return [Settle(settled), Emit(Stopped(order.position))]
