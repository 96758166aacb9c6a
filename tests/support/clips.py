"""Random audio with the options of a request, for engines whose weights are random too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from common.audio import SAMPLE_RATE, Samples

SHORTEST_S: Final = 0.2
LONGEST_S: Final = 30.0

_LANGUAGES: Final = (None, "auto", "zh", "en", "ja", "ko", "EN", "粤语", "Chinese (Cantonese)")
_WORDS: Final = (
    "Voxshard",
    "開放時間",
    "Łódź",
    "naïve café",
    "k8s",
    "서울",
    "Qwen3-0.6B",
    "达摩院",
    "a",
    "O'Neill",
)
_SYLLABLE_S: Final = 0.18


@dataclass(frozen=True, slots=True)
class Clip:
    """Mono float audio at 16 kHz, and what a session would have set."""

    audio: Samples
    language: str | None
    hotwords: tuple[str, ...]


def random_clips(count: int, seed: int = 0) -> list[Clip]:
    """Noise, tones and what sounds like syllables; short clips as often as long ones, both ends included."""
    random = np.random.default_rng(seed)
    kinds = (_noise, _tones, _syllables)
    clips = []
    for index in range(count):
        seconds = float(np.exp(random.uniform(np.log(SHORTEST_S), np.log(LONGEST_S))))
        seconds = {0: SHORTEST_S, 1: LONGEST_S}.get(index, seconds)
        audio = kinds[index % len(kinds)](random, round(seconds * SAMPLE_RATE))
        level = 10 ** random.uniform(-3, -0.1) / max(1e-9, float(np.abs(audio).max()))
        words = random.choice(_WORDS, size=index % 4, replace=False) if index % 4 else ()
        language = _LANGUAGES[int(random.integers(len(_LANGUAGES)))]
        clips.append(Clip((audio * level).astype(np.float32), language, tuple(map(str, words))))
    return clips


def _noise(random: np.random.Generator, samples: int) -> Samples:
    return random.standard_normal(samples).astype(np.float32)


def _tones(random: np.random.Generator, samples: int) -> Samples:
    """Three that come and go."""
    time = np.arange(samples) / SAMPLE_RATE
    tones = np.zeros(samples)
    for frequency, rate, phase in random.uniform((80, 0.2, 0), (4_000, 3, 6), size=(3, 3)):
        tones += np.sin(2 * np.pi * frequency * time) * (1 + np.sin(2 * np.pi * rate * time + phase))
    return tones.astype(np.float32)


def _syllables(random: np.random.Generator, samples: int) -> Samples:
    """A gliding voice through two formants, another pair for each syllable, with pauses between some."""
    voice = np.zeros(samples)
    length = round(_SYLLABLE_S * SAMPLE_RATE)
    for start in range(0, samples, length):
        part = np.arange(min(length, samples - start)) / SAMPLE_RATE
        if random.random() < 0.2:
            continue
        pitch = random.uniform(90, 240) * (1 + 0.2 * part)
        low, high = random.uniform((300, 900), (900, 2_600))
        for harmonic in range(1, 24):
            frequency = harmonic * pitch
            gain = np.exp(-(((frequency - low) / 150) ** 2)) + 0.5 * np.exp(
                -(((frequency - high) / 250) ** 2)
            )
            voice[start : start + len(part)] += gain * np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE)
        voice[start : start + len(part)] *= np.sin(np.pi * np.arange(len(part)) / len(part))
    return (voice + 0.01 * random.standard_normal(samples)).astype(np.float32)
