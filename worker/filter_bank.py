"""Kaldi's filter bank features for many frames at once, on whatever device their audio is.

As kaldi-native-fbank and torchaudio compute them (25 ms every 10 ms, 80 bands, Hamming window, no
dither), within their own rounding. kaldi-native-fbank takes 12 ms of a core for 8 s of audio and boxes each
sample under the interpreter lock on the way; here all frames of all sessions are the rows of one product.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.audio import SAMPLE_RATE, ms_to_samples

FRAME_SAMPLES: Final = ms_to_samples(25)
SHIFT_SAMPLES: Final = ms_to_samples(10)
BANDS: Final = 80

_TRANSFORM: Final = 512
_PREEMPHASIS: Final = 0.97
_LOWEST_HZ: Final = 20.0
# Kaldi's features are of 16-bit values.
_FULL_SCALE: Final = float(1 << 15)
_FLOOR: Final = float(np.finfo(np.float32).eps)


class FilterBank:
    def __init__(self, device: Any = "cpu") -> None:
        positions = np.arange(FRAME_SAMPLES) / (FRAME_SAMPLES - 1)
        self._window = _tensor(0.54 - 0.46 * np.cos(2 * np.pi * positions), device)
        self._bands = _tensor(_mel_bands(), device)

    def energies(self, frames: Tensor) -> Tensor:
        """Audio of shape (..., 400), fp32 from -1 to 1; log energies of shape (..., 80)."""
        audio = frames * _FULL_SCALE
        audio = audio - audio.mean(-1, keepdim=True)
        before = torch.cat([audio[..., :1], audio[..., :-1]], dim=-1)
        shaped = (audio - _PREEMPHASIS * before) * self._window
        spectrum = torch.view_as_real(torch.fft.rfft(shaped, _TRANSFORM))
        power = spectrum.square().sum(-1)
        return (power @ self._bands).clamp(min=_FLOOR).log()

    def of_audio(self, audio: Tensor) -> Tensor:
        """Audio of shape (items, samples), at least one frame; shape (items, frames, 80)."""
        return self.energies(audio.unfold(1, FRAME_SAMPLES, SHIFT_SAMPLES))


def frame_count(samples: int) -> int:
    """Whole frames in so many samples."""
    return max(0, 1 + (samples - FRAME_SAMPLES) // SHIFT_SAMPLES)


def samples_of(frames: int) -> int:
    """Least audio that gives so many frames."""
    return (frames - 1) * SHIFT_SAMPLES + FRAME_SAMPLES


def _tensor(values: npt.NDArray[np.float64], device: Any) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)


def _mel_bands() -> npt.NDArray[np.float64]:
    """Kaldi's triangles, even on the mel scale; shape (257, 80)."""
    lowest, highest = _mel(np.array([_LOWEST_HZ, SAMPLE_RATE / 2]))
    width = (highest - lowest) / (BANDS + 1)
    left = lowest + width * np.arange(BANDS)
    mel = _mel(np.arange(_TRANSFORM // 2 + 1) * SAMPLE_RATE / _TRANSFORM)[:, None]
    rising, falling = (mel - left) / width, (left + 2 * width - mel) / width
    bands: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return bands


def _mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mel: npt.NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
    return mel
