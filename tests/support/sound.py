"""Sound without words, for tests that care for how loud it is and when."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
from hypothesis import strategies as st

from common.audio import Samples, float_to_pcm16, seconds_to_samples

LOUD: Final = 0.2
QUIET: Final = 0.0

Piece = tuple[float, float]
"""Root mean square (1.0 is full scale) and seconds."""


def sound(*pieces: Piece) -> bytes:
    """PCM16 of the pieces in a row: noise, the same for the same pieces."""
    random = np.random.default_rng(7)
    parts = [random.standard_normal(seconds_to_samples(seconds)) * level for level, seconds in pieces]
    return float_to_pcm16(np.concatenate([np.zeros(0), *parts]))


def sounds(max_pieces: int = 6) -> st.SearchStrategy[list[Piece]]:
    """Pieces of speech, pauses, and what is hard to tell from either; up to 4 s each."""
    level = st.sampled_from([QUIET, QUIET, 0.02, 0.05, LOUD, LOUD])
    # No whole number of hops, so that nothing falls into place by itself.
    seconds = st.integers(1, 80).map(lambda units: units * 0.05 + 0.0005)
    return st.lists(st.tuples(level, seconds), min_size=1, max_size=max_pieces)


def fingerprint(samples: Samples) -> str:
    """A word that only this audio gives, for engines that say what they heard."""
    return f"heard{zlib.crc32(samples.tobytes()):08x}"
