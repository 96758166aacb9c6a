from __future__ import annotations

import numpy as np
import pytest

from bench.engine_clips import clips_of, equal_clips, mixed_clips
from common.audio import SAMPLE_RATE, Samples

SPEECH: Samples = np.arange(3 * SAMPLE_RATE, dtype=np.float32)


def test_mixed_clips_have_2_to_20_s_and_8_in_the_mean() -> None:
    lengths_s = [len(clip) / SAMPLE_RATE for clip in mixed_clips(1_000, SPEECH)]
    assert min(lengths_s) >= 2
    assert max(lengths_s) <= 20
    assert np.mean(lengths_s) == pytest.approx(8, abs=0.3)


def test_clips_are_the_same_on_every_call() -> None:
    for one, other in zip(mixed_clips(20, SPEECH), mixed_clips(20, SPEECH), strict=True):
        assert np.array_equal(one, other)


def test_each_clip_begins_elsewhere() -> None:
    starts = {float(clip[0]) for clip in equal_clips(64, 0.5, SPEECH)}
    assert len(starts) == 64


def test_speech_begins_anew_at_its_end() -> None:
    [clip] = clips_of((3.5,), SPEECH)
    assert len(clip) == 3.5 * SAMPLE_RATE
    assert clip[3 * SAMPLE_RATE] == clip[0]
