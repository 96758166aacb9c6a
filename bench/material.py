"""What is played: passages, which are audio with its words and its true borders."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Final

from common.audio import Samples, seconds_to_samples
from tests.support.speech import Timeline, read_audio, recording, say, trimmed, without_pauses
from tests.support.texts import RECORDED_TEXTS

# Quiet around each passage, so that a first or last sound is never cut.
MARGIN_S: Final = 0.3
# Shorter than any silence that a schedule can ask for.
_JOINT_S: Final = 0.04
_JOINT_SAMPLES: Final = seconds_to_samples(_JOINT_S)


@dataclass(frozen=True, slots=True)
class PauseRange:
    """Pauses of `shortest_s` to `longest_s` seconds."""

    shortest_s: float
    longest_s: float

    def pick(self, chance: random.Random) -> float:
        return chance.uniform(self.shortest_s, self.longest_s)


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """How sentences are joined: about `seconds` in all, the same order and pauses for the same seed."""

    seconds: float
    pauses: PauseRange
    seed: int


def spoken_passages(sentences: Iterable[str]) -> tuple[Timeline, ...]:
    return tuple(Timeline().pause(MARGIN_S).say(sentence).pause(MARGIN_S) for sentence in sentences)


def recorded_passages() -> tuple[Timeline, ...]:
    return tuple(Timeline().speech(recording(name), text) for name, text in RECORDED_TEXTS.items())


def file_passages(audio: Path, text: Path) -> tuple[Timeline, ...]:
    """A media file, with a text file that holds its words."""
    return (Timeline().speech(read_audio(audio), text.read_text(encoding="utf-8")),)


def parts_alone(joined: Timeline) -> tuple[Timeline, ...]:
    """Each part of a joined timeline as a passage of its own: the same samples."""
    samples = joined.samples
    return tuple(
        Timeline().pause(MARGIN_S).speech(samples[span.start : span.end], span.text).pause(MARGIN_S)
        for span in joined.spans
    )


def joined_passage(sentences: Sequence[str], plan: JoinPlan) -> Timeline:
    """Sentences in random order with random pauses; the last sentence and pause are whole."""
    chance = random.Random(plan.seed)
    timeline = Timeline().pause(MARGIN_S)
    for sentence, voice_seed in _shuffled_for_ever(sentences, chance):
        timeline = timeline.say(sentence, seed=voice_seed).pause(plan.pauses.pick(chance))
        if timeline.length >= seconds_to_samples(plan.seconds):
            break
    return timeline


def continuous_passage(sentences: Sequence[str], seconds: float) -> Timeline:
    """Speech without pauses: sentences in their order, then the one or two that come nearest to `seconds`."""
    voiced = deque(_Voiced(sentence, without_pauses(trimmed(say(sentence)))) for sentence in sentences)
    shortest, longest = min(part.length for part in voiced), max(part.length for part in voiced)
    room = seconds_to_samples(seconds)
    chosen: list[_Voiced] = []
    while voiced and room > shortest + longest:
        chosen.append(voiced.popleft())
        room -= chosen[-1].length
    return _without_gaps([*chosen, *_best_fit(voiced, room)])


@dataclass(frozen=True, slots=True)
class _Voiced:
    text: str
    samples: Samples

    @property
    def length(self) -> int:
        """Samples that it takes in a row, the joint to the next one included."""
        return len(self.samples) + _JOINT_SAMPLES


def _best_fit(voiced: Iterable[_Voiced], room: int) -> tuple[_Voiced, ...]:
    kept = tuple(voiced)
    choices = chain(combinations(kept, 1), combinations(kept, 2))
    return min(choices, key=lambda parts: abs(room - sum(part.length for part in parts)), default=())


def _without_gaps(parts: Iterable[_Voiced]) -> Timeline:
    timeline = Timeline()
    for part in parts:
        joint = timeline.pause(_JOINT_S) if timeline.spans else timeline
        timeline = joint.speech(part.samples, part.text)
    return timeline


def _shuffled_for_ever(sentences: Sequence[str], chance: random.Random) -> Iterator[tuple[str, int]]:
    """All sentences in one order, then in another, with another seed of the voice each time around."""
    voice_seed = 0
    while True:
        for sentence in chance.sample(sentences, len(sentences)):
            yield sentence, voice_seed
        voice_seed += 1
