"""Audio of requests in memory that a worker and its engine share: written once, read where it lies.

A window of 8 s is half a megabyte and there are hundreds a second, which a socket would copy twice each.
"""

from __future__ import annotations

import mmap
import os

import numpy as np
import numpy.typing as npt

from common.audio import Samples, ms_to_samples
from worker.engines.base import EngineCapabilities

# A segment at its longest is heard with some audio around it.
_MARGIN_MS = 2_000


def shared_file() -> int:
    """A file in memory that has no name, so that nothing of it outlives the two processes."""
    return os.memfd_create("asr-audio")


class AudioSlots:
    """One row for each request that the engine can have at once; rows never written take no memory."""

    def __init__(self, file: int, capabilities: EngineCapabilities) -> None:
        self.count = capabilities.max_in_flight
        self.length = ms_to_samples(capabilities.max_segment_ms + _MARGIN_MS)
        size = self.count * self.length * np.dtype(np.float32).itemsize
        # Both ends do this, and both to the same length.
        os.ftruncate(file, size)
        flat = np.frombuffer(mmap.mmap(file, size), np.float32)
        self._rows: npt.NDArray[np.float32] = flat.reshape(self.count, self.length)

    def write(self, slot: int, audio: Samples) -> None:
        """Audio of at most `length` samples."""
        self._rows[slot, : len(audio)] = audio

    def read(self, slot: int, samples: int) -> Samples:
        """The memory itself, shape (samples,): another request's audio once this one has been replied to."""
        return self._rows[slot, :samples]
