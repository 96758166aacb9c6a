"""Filter bank features, those of FunASR's frontend within the rounding of fp32, whoever is beside them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
import torch
from funasr.frontends.wav_frontend import WavFrontend

from common.audio import Samples
from tests.support.clips import random_clips
from worker.engines.encoder_llm.audio_encoder import _stacked
from worker.engines.encoder_llm.families.fun_asr_nano import FRAMES_SKIPPED
from worker.filter_bank import FilterBank, frame_count, samples_of

AUDIO: Final = np.concatenate([clip.audio for clip in random_clips(24, seed=3)])[: 16_000 * 30]
# Log energies; a scale of 0.2 comes behind them. Bands that hold nothing but rounding differ by more.
TOLERANCE: Final = 5e-3


def theirs(audio: Samples, stacked: int = 1, skipped: int = 1) -> torch.Tensor:
    frontend = WavFrontend(
        fs=16_000,
        window="hamming",
        n_mels=80,
        frame_length=25,
        frame_shift=10,
        lfr_m=stacked,
        lfr_n=skipped,
        dither=0.0,
    )
    features, _ = frontend(torch.from_numpy(audio)[None], torch.tensor([len(audio)]))
    return features[0]


def ours(audio: Samples) -> torch.Tensor:
    return FilterBank().of_audio(torch.from_numpy(audio)[None])[0]


@pytest.mark.parametrize("samples", [400, 559, 560, 3_200, 16_000, 128_000, 480_000])
def test_a_window_of_any_length_has_the_references_features(samples: int) -> None:
    expected = theirs(AUDIO[:samples])
    assert frame_count(samples) == len(expected)
    assert samples_of(len(expected)) <= samples
    assert torch.allclose(ours(AUDIO[:samples]), expected, rtol=0, atol=TOLERANCE)


def test_noise_has_the_references_features_within_rounding() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 480_000).astype(np.float32)
    assert torch.allclose(ours(noise), theirs(noise), rtol=0, atol=1e-3)
    assert (ours(noise) - theirs(noise)).abs().mean() < 1e-5


def test_random_clips_have_the_references_features() -> None:
    errors = [(ours(clip.audio) - theirs(clip.audio)).abs().max().item() for clip in random_clips(60, seed=1)]
    assert max(errors) < TOLERANCE


def test_silence_has_the_references_features() -> None:
    silence = np.zeros(16_000, np.float32)
    assert torch.allclose(ours(silence), theirs(silence), rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 98, 2_998])
def test_stacking_is_the_references_beside_longer_ones(frames: int) -> None:
    audio = AUDIO[: samples_of(frames)]
    low_rate = -(-frames // FRAMES_SKIPPED)
    padded = torch.full((2, low_rate * FRAMES_SKIPPED + 12, 80), 7.0)
    padded[0, :frames] = theirs(audio)
    stacked = _stacked(padded, torch.tensor([frames, padded.shape[1]]))[0, :low_rate]
    assert torch.equal(stacked, theirs(audio, stacked=7, skipped=6))
