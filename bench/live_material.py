"""What live streams say: the same loop of sentences and pauses, each stream from another place on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.speech import Speech
from common.audio import (
    PCM16_FULL_SCALE,
    Samples,
    ms_to_samples,
    samples_to_seconds,
    seconds_to_samples,
)

FRAME_MS: Final = 100
FRAME_SAMPLES: Final = ms_to_samples(FRAME_MS)
# Ahead of the loop, so that a detector hears how quiet it is before somebody speaks.
LEAD_FRAMES: Final = 3
_LEAD: Final = LEAD_FRAMES * FRAME_SAMPLES
# A microphone is never digitally silent: RMS, 1.0 is full scale.
_FLOOR: Final = 1e-4
_STEP: Final = ms_to_samples(10)
# A step below this share of the loudest one's RMS is quiet ...
_QUIET_SHARE: Final = 0.02
# ... and quiet for so many steps is no speech: no server owes a partial for it.
_PAUSE_STEPS: Final = 10
# Less sound than that at the beginning of a stream may not be heard as speech.
_SHORTEST_BEGIN: Final = seconds_to_samples(0.6)
_SEED: Final = 7


class MaterialKind(StrEnum):
    """How long the pauses between sentences are."""

    CONTINUOUS = "continuous"
    DIALOGUE = "dialogue"


PAUSES_S: Final = {MaterialKind.CONTINUOUS: (0.25, 0.5), MaterialKind.DIALOGUE: (0.6, 3.0)}
"""Shortest and longest. Those of the first end no young segment, those of the second often do."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound without a pause, in seconds from START."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Loop:
    """PCM16 that is said again and again, behind `lead`; `sounds` are [start, end) in its samples."""

    lead: npt.NDArray[np.int16]
    pcm: npt.NDArray[np.int16]
    sounds: tuple[tuple[int, int], ...]

    def offset(self, number: int, of: int) -> int:
        """The sample at which stream `number` of `of` begins: at no word's very end."""
        at = number * len(self.pcm) // of
        ends = (end for start, end in self.sounds if start < at < end < at + _SHORTEST_BEGIN)
        return next(ends, at)

    def frame(self, offset: int, number: int) -> bytes:
        """Frame `number` of the stream that begins at `offset`, PCM16 little endian."""
        if number < LEAD_FRAMES:
            said = self.lead[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
        else:
            start = offset + (number - LEAD_FRAMES) * FRAME_SAMPLES
            said = self.pcm.take(np.arange(start, start + FRAME_SAMPLES), mode="wrap")
        return said.astype("<i2").tobytes()

    def stretches(self, offset: int, seconds: float) -> tuple[Stretch, ...]:
        """Where the stream of `seconds` that begins at `offset` has sound."""
        return tuple(self._stretches(offset, seconds_to_samples(seconds)))

    def _stretches(self, offset: int, length: int) -> Iterator[Stretch]:
        for round_at in range(_LEAD - offset, length, len(self.pcm)):
            for start, end in self.sounds:
                first, last = max(round_at + start, _LEAD), min(round_at + end, length)
                if first < last:
                    yield Stretch(samples_to_seconds(first), samples_to_seconds(last))


def make_loop(speech: Speech, kind: MaterialKind) -> Loop:
    """All sentences in their order with pauses of `kind`; the same on every call."""
    chance = random.Random(_SEED)
    pieces: list[Samples] = []
    for sentence in speech.sentences:
        pause = np.zeros(seconds_to_samples(chance.uniform(*PAUSES_S[kind])), dtype=np.float32)
        pieces += [speech.samples[sentence.start : sentence.end], pause]
    joined = np.concatenate(pieces)
    noise = np.random.default_rng(_SEED)
    lead = _pcm(np.zeros(_LEAD, dtype=np.float32), noise)
    return Loop(lead, _pcm(joined, noise), tuple(_sounds(joined)))


def _pcm(samples: Samples, noise: np.random.Generator) -> npt.NDArray[np.int16]:
    heard = samples + noise.standard_normal(len(samples), dtype=np.float32) * np.float32(_FLOOR)
    return np.clip(np.rint(heard * PCM16_FULL_SCALE), -32_768, 32_767).astype(np.int16)


def _sounds(samples: Samples) -> Iterator[tuple[int, int]]:
    """Stretches without a pause; pauses between two sounds that are too short to be one belong to them."""
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    levels = np.sqrt(np.mean(np.square(steps), axis=1))
    loud = np.flatnonzero(levels > _QUIET_SHARE * levels.max())
    breaks = np.flatnonzero(np.diff(loud) > _PAUSE_STEPS)
    firsts = [loud[0], *loud[breaks + 1]]
    lasts = [*loud[breaks], loud[-1]]
    for first, last in zip(firsts, lasts, strict=True):
        yield int(first) * _STEP, (int(last) + 1) * _STEP
