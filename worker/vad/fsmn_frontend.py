"""FunASR's WavFrontendOnline for many streams at once: audio hop by hop into features frame by frame.

Filter banks, each stacked with two frames on either side, so that the features of a frame are complete 20 ms
after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from worker.filter_bank import BANDS, FRAME_SAMPLES, SHIFT_SAMPLES, FilterBank
from worker.pipeline.hop import HOP_SAMPLES

STACK: Final = 5
FEATURES: Final = BANDS * STACK
# The features of a frame wait for this many frames after it.
LOOK_AHEAD: Final = STACK // 2
MAX_FRAMES: Final = HOP_SAMPLES // SHIFT_SAMPLES + 1
"""Frames that one hop can complete; it completes three or four."""

# A product of fewer rows goes another way through the linear algebra library, to other last bits: with this
# many, a stream's features do not depend on how many others there are.
_MIN_ROWS: Final = 8

Array = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FrontendState:
    """What is left of the audio so far.

    audio:   its last 400 samples.
    pending: how many of them are at or behind the next frame's start.
    heard:   number of frames so far.
    splice:  filter banks of the last four frames, shape (4, 80).
    """

    audio: Array
    pending: int
    heard: int
    splice: Array


@dataclass(frozen=True, slots=True)
class Features:
    """Features that one hop of each of n streams completed, stream after stream.

    values: shape (frames of all streams, 400).
    counts: shape (n,), frames of each stream.
    """

    values: Array
    counts: Counts


class Frontend:
    def __init__(self, shift: Array, scale: Array) -> None:
        """Features get `shift` added and are multiplied by `scale`, both of shape (400,)."""
        self._shift = shift
        self._scale = scale
        self._bank = FilterBank()

    def fresh_state(self) -> FrontendState:
        return FrontendState(
            np.zeros(FRAME_SAMPLES, np.float32), 0, 0, np.zeros((STACK - 1, BANDS), np.float32)
        )

    def forward(self, hops: Array, states: list[FrontendState]) -> tuple[Features, list[FrontendState]]:
        """Hops of shape (n, 512) and n states; features and the n following states."""
        audio = np.concatenate([np.stack([state.audio for state in states]), hops], axis=1)
        pending = np.array([state.pending for state in states])
        heard = np.array([state.heard for state in states])
        new = (pending + HOP_SAMPLES - FRAME_SAMPLES) // SHIFT_SAMPLES + 1
        stream, step = np.nonzero(np.arange(MAX_FRAMES) < new[:, None])
        begins = FRAME_SAMPLES - pending[stream] + SHIFT_SAMPLES * step
        frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME_SAMPLES, axis=1)[stream, begins]
        bands = np.zeros((len(hops), STACK - 1 + MAX_FRAMES, BANDS), np.float32)
        bands[:, : STACK - 1] = [state.splice for state in states]
        bands[stream, STACK - 1 + step] = self.filter_banks(frames)
        # Before its first frame a stream is thought to have been like that frame.
        bands[heard == 0, : STACK - 1] = bands[heard == 0, STACK - 1, None]
        complete = heard[stream] + step >= LOOK_AHEAD
        features = self._stacked(bands, stream[complete], step[complete])
        following = [
            FrontendState(
                audio[row, -FRAME_SAMPLES:].copy(),
                int(pending[row] + HOP_SAMPLES - SHIFT_SAMPLES * count),
                int(heard[row] + count),
                bands[row, count : count + STACK - 1].copy(),
            )
            for row, count in enumerate(new)
        ]
        return features, following

    def filter_banks(self, frames: Array) -> Array:
        """Audio of shape (n, 400), log energies of shape (n, 80)."""
        padded = np.zeros((max(len(frames), _MIN_ROWS), FRAME_SAMPLES), np.float32)
        padded[: len(frames)] = frames
        logs: Array = self._bank.energies(torch.from_numpy(padded)).numpy()[: len(frames)]
        return logs

    def _stacked(self, bands: Array, stream: Counts, step: Counts) -> Features:
        """Features of the frames `step` of `stream`, each made of the bands up to that frame."""
        stacks = np.lib.stride_tricks.sliding_window_view(bands, STACK, axis=1)[stream, step]
        values = stacks.swapaxes(1, 2).reshape(-1, FEATURES)
        counts = np.bincount(stream, minlength=len(bands))
        return Features((values + self._shift) * self._scale, counts)
