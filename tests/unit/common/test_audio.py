from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import (
    PCM16_FULL_SCALE,
    SAMPLE_RATE,
    float_to_pcm16,
    ms_to_samples,
    pcm16_samples,
    pcm16_to_float,
    samples_to_ms,
    samples_to_seconds,
    seconds_to_samples,
)


def test_every_pcm16_value_survives_the_way_to_float_and_back() -> None:
    pcm = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
    assert float_to_pcm16(pcm16_to_float(pcm)) == pcm


def test_floats_are_mono_float32_between_minus_one_and_one() -> None:
    samples = pcm16_to_float(np.array([-32_768, 0, 32_767], dtype="<i2").tobytes())
    assert samples.dtype == np.float32
    assert samples.tolist() == [-1.0, 0.0, 32_767 / PCM16_FULL_SCALE]


@pytest.mark.parametrize(
    ("loud", "clipped"), [(1.0, 32_767), (7.5, 32_767), (-1.0, -32_768), (-7.5, -32_768)]
)
def test_too_loud_audio_is_clipped_and_never_wrapped(loud: float, clipped: int) -> None:
    assert np.frombuffer(float_to_pcm16([loud]), dtype="<i2").tolist() == [clipped]


@given(st.lists(st.floats(-1.0, 0.999), max_size=50))
def test_pcm16_is_within_half_a_step_of_the_float(samples: list[float]) -> None:
    read_back = pcm16_to_float(float_to_pcm16(samples))
    assert np.all(np.abs(read_back - np.array(samples)) <= 0.5 / PCM16_FULL_SCALE + 1e-7)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_sample_is_two_bytes(kind: type[bytes] | type[bytearray]) -> None:
    assert pcm16_samples(kind(6)) == 3


@given(st.integers(0, 10**9))
def test_milliseconds_survive_the_way_to_samples_and_back(ms: int) -> None:
    assert samples_to_ms(ms_to_samples(ms)) == ms


def test_a_second_is_sixteen_thousand_samples() -> None:
    assert seconds_to_samples(1.5) == 24_000
    assert samples_to_seconds(24_000) == 1.5
    assert ms_to_samples(1_000) == SAMPLE_RATE == 16_000


def test_a_millisecond_that_is_not_over_does_not_count() -> None:
    assert [samples_to_ms(samples) for samples in (15, 16, 31)] == [0, 1, 1]
