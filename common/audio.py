"""Facts about the one audio format inside the system: PCM16, little endian, 16 kHz, mono.

Every position is an absolute sample index from START. Seconds and milliseconds exist only at the
edges (dialects, metrics); the conversions live here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
BYTES_PER_SAMPLE: Final = 2
SAMPLES_PER_MS: Final = SAMPLE_RATE // 1000
PCM16_FULL_SCALE: Final = 32_768.0

Samples = npt.NDArray[np.float32]
"""Mono float32 audio at 16 kHz, shape (n,), in [-1, 1)."""


def samples_to_ms(samples: int) -> int:
    return samples // SAMPLES_PER_MS


def samples_to_seconds(samples: int) -> float:
    return samples / SAMPLE_RATE


def ms_to_samples(ms: float) -> int:
    return round(ms * SAMPLES_PER_MS)


def seconds_to_samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def pcm16_samples(pcm: bytes | bytearray) -> int:
    """Number of samples in raw PCM16; the caller has checked that the length is even."""
    return len(pcm) // BYTES_PER_SAMPLE


def pcm16_to_float(pcm: bytes | bytearray | memoryview) -> Samples:
    """PCM16 little endian to float32 in [-1, 1), shape (n,); n is half the number of bytes."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(PCM16_FULL_SCALE)


def float_to_pcm16(samples: npt.ArrayLike) -> bytes:
    """Float audio in [-1, 1] to PCM16 little endian; louder audio is clipped, never wrapped."""
    scaled = np.rint(np.asarray(samples, dtype=np.float64) * PCM16_FULL_SCALE)
    return np.clip(scaled, -32_768, 32_767).astype("<i2").tobytes()
