"""Sound without words, for tests that care for how loud it is and when."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
from hypothesis import strategies as st

from common.audio import SAMPLE_RATE, Samples, float_to_pcm16, seconds_to_samples

LOUD: Final = 0.2
QUIET: Final = 0.0
_UNIT: Final = SAMPLE_RATE // 20


def sound(*pieces: tuple[float, float]) -> bytes:
    """PCM16 of (root mean square, seconds) pieces; the same noise for the same pieces."""
    return _pcm([(level, seconds_to_samples(seconds)) for level, seconds in pieces])


def sounds(max_pieces: int = 7) -> st.SearchStrategy[bytes]:
    """PCM16 of speech, pauses, and what is hard to tell from either; up to 4 s a piece."""
    level = st.sampled_from([QUIET, QUIET, 0.02, 0.05, LOUD, LOUD])
    piece = st.tuples(level, st.integers(1, 80).map(lambda units: units * _UNIT + 7))
    return st.lists(piece, min_size=1, max_size=max_pieces).map(_pcm)


def fingerprint(samples: Samples) -> str:
    """A word that only this audio gives, for engines that say what they heard."""
    return f"heard{zlib.crc32(samples.tobytes()):08x}"


def _pcm(pieces: list[tuple[float, int]]) -> bytes:
    random = np.random.default_rng(7)
    parts = [random.standard_normal(length) * level for level, length in pieces]
    return float_to_pcm16(np.concatenate(parts)) if parts else b""
