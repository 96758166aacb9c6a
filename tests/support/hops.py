"""Hops from a line of text: `hops("silence 0.3, speech 1.2, silence 0.9")`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from common.audio import seconds_to_samples
from worker.pipeline.hop import HOP_SAMPLES, Hop


class _Sound(NamedTuple):
    speech: float
    loudness: float


SOUNDS: Final = {
    "speech": _Sound(0.9, 0.1),
    # Keeps speech going, begins none.
    "murmur": _Sound(0.42, 0.03),
    # Neither speech nor quiet.
    "noise": _Sound(0.25, 0.02),
    "silence": _Sound(0.02, 0.001),
}


def hops(script: str, first: int = 0) -> list[Hop]:
    """Sounds with their seconds, rounded to whole hops; the first hop begins at the sample `first`."""
    sounds = [SOUNDS[name] for name, count in _pieces(script) for _ in range(count)]
    starts = range(first, first + len(sounds) * HOP_SAMPLES, HOP_SAMPLES)
    return [
        Hop(start, start + HOP_SAMPLES, sound.speech, sound.loudness)
        for start, sound in zip(starts, sounds, strict=True)
    ]


def _pieces(script: str) -> Iterable[tuple[str, int]]:
    for piece in script.split(","):
        name, seconds = piece.split()
        yield name, round(seconds_to_samples(float(seconds)) / HOP_SAMPLES)
