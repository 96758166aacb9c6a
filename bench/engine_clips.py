"""Clips for the engine bench, cut out of the bench's speech: the same on every call."""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.speech import read_speech
from common.audio import SAMPLE_RATE, Samples, seconds_to_samples

WARM_UP_CLIPS: Final = 16
"""So many of the mixed clips go ahead of them, through every engine."""

_SEED: Final = 11
_SHORTEST_S: Final = 2.0
_LONGEST_S: Final = 20.0
# A beta distribution between these two with its mean at a third: 8 s.
_SHAPE: Final = (1.5, 3.0)
# Coprime to the number of samples in a second, so that hardly two clips begin alike.
_STRIDE: Final = 7 * SAMPLE_RATE + 101


def mixed_clips(count: int, speech: Samples | None = None) -> list[Samples]:
    """Of 2 to 20 s, 8 s in the mean, shape (n,) each."""
    shares = np.random.default_rng(_SEED).beta(*_SHAPE, count)
    lengths_s = _SHORTEST_S + (_LONGEST_S - _SHORTEST_S) * shares
    return _cut([seconds_to_samples(float(length_s)) for length_s in lengths_s], speech)


def equal_clips(count: int, length_s: float, speech: Samples | None = None) -> list[Samples]:
    return _cut([seconds_to_samples(length_s)] * count, speech)


def clips_of(lengths_s: tuple[float, ...], speech: Samples | None = None) -> list[Samples]:
    return _cut([seconds_to_samples(length_s) for length_s in lengths_s], speech)


def _cut(lengths: list[int], speech: Samples | None) -> list[Samples]:
    """Each from another place of the speech, which begins anew at its end."""
    samples = read_speech().samples if speech is None else speech
    starts = (number * _STRIDE % len(samples) for number in range(len(lengths)))
    return [
        samples.take(np.arange(start, start + length), mode="wrap")
        for start, length in zip(starts, lengths, strict=True)
    ]
