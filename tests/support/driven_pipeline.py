"""A pipeline whose hops say what the test wants, without any audio that would matter."""

from __future__ import annotations

from typing import Final

from common.audio import ms_to_samples
from common.checkpoint import ORIGIN, Checkpoint
from common.events import ScheduleStep, SessionOptions
from tests.support.hops import SOUNDS, hops
from worker.engines.words import TimedWord
from worker.pipeline.effects import Decode, DecodeKind, Effect, Emit
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.pipeline.partials import PartialSettings
from worker.pipeline.streaming import StreamingPipeline

SCHEDULE: Final = (ScheduleStep(None, 1_000),)
PARTIALS: Final = PartialSettings(interval=ms_to_samples(480), window=ms_to_samples(2_000))
CAP: Final = ms_to_samples(6_000)


class Driven:
    """Keeps all effects of its hops; those of marks and answers are the caller's."""

    def __init__(self, options: SessionOptions | None = None, checkpoint: Checkpoint = ORIGIN) -> None:
        options = options or SessionOptions(silence_schedule=SCHEDULE)
        self.pipeline = StreamingPipeline(options, CAP, PARTIALS, checkpoint)
        self.effects: list[Effect] = []

    def feed(self, script: str) -> list[Effect]:
        """What these hops bring about, as far as they are taken."""
        began = len(self.effects)
        for hop in hops(script):
            self.pipeline.push_audio(bytes(2 * HOP_SAMPLES))
            samples = self.pipeline.next_hop()
            if samples is not None:
                assert samples.shape == (HOP_SAMPLES,)
                self.effects += self.pipeline.push_hop(samples, hop.speech)
        return self.effects[began:]

    def hear_again(self, kind_of_sound: str) -> list[Effect]:
        """One hop of the audio that is there already."""
        samples = self.pipeline.next_hop()
        assert samples is not None
        self.effects += (said := self.pipeline.push_hop(samples, SOUNDS[kind_of_sound].speech))
        return said

    def mark(self, mark: Mark) -> list[Effect]:
        self.pipeline.mark(mark)
        return self.pipeline.carry_out_orders()

    def last(self, kind: DecodeKind) -> Decode:
        found = [effect for effect in self.effects if isinstance(effect, Decode) and effect.kind is kind]
        return found[-1]

    def apply(self, kind: DecodeKind, text: str, words: tuple[TimedWord, ...] | None = None) -> list[Effect]:
        """Answer the last decode of a kind."""
        return self.pipeline.apply(self.last(kind), text, words)


def kinds(effects: list[Effect]) -> list[DecodeKind]:
    return [effect.kind for effect in effects if isinstance(effect, Decode)]


def emitted(effects: list[Effect]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Emit)]
