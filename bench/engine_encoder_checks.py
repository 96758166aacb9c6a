"""Whether all encoders say the same: of a mix of windows the one where they agree least."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from bench.engine_clips import clips_of, equal_clips
from bench.engine_encoders import (
    Encoders,
    Output,
    eager_heard,
    funasr_heard,
    our_features,
    tf32_products,
    worker_heard,
)
from bench.engine_record import Check
from common.audio import Samples

# Twelve lengths, so that padding and several buckets are in the mix.
_LENGTHS_S: Final = (8.0, 2.0, 30.0, 0.3, 12.3, 5.0, 19.9, 7.7, 3.1, 1.0, 26.5, 8.0)
_FULL_BATCH: Final = 64
_BF16: Final = 2e-2
_FP32: Final = 1e-4
_FEATURES: Final = 1e-2


def encoder_checks(encoders: Encoders) -> Iterator[Check]:
    """fp32 without TF32 products throughout."""
    windows = clips_of(_LENGTHS_S)
    with tf32_products(allowed=False):
        yield _feature_check(encoders, windows)
        alone = [eager_heard(encoders.fp32.encoder, [window])[0] for window in windows]
        theirs = funasr_heard(encoders.funasr, windows, encoders.device)
        yield from _compared("fp32 against FunASR's", alone, theirs, _FP32)
        together = eager_heard(encoders.fp32.encoder, windows)
        yield from _compared("fp32 in a batch against alone", together, alone, _FP32)
        in_worker = worker_heard(encoders.bf16, windows)
        yield from _compared("bf16 against fp32", in_worker, alone, _BF16)
        each = [worker_heard(encoders.bf16, [window])[0] for window in windows]
        yield from _compared("bf16 in a batch against alone", in_worker, each, _BF16)
        if encoders.on_card:
            full = equal_clips(_FULL_BATCH, 8.0)
            in_fp32 = eager_heard(encoders.fp32.encoder, full)
            name = f"bf16 against fp32, {_FULL_BATCH} × 8 s"
            yield from _compared(name, worker_heard(encoders.bf16, full), in_fp32, _BF16)
            yield _graph_check(encoders, "mix", windows)
            yield _graph_check(encoders, f"{_FULL_BATCH} × 8 s", full)


def _compared(name: str, ones: Sequence[Output], others: Sequence[Output], limit: float) -> Iterator[Check]:
    """Of what the language model gets, and of the encoder's output before the adaptor."""
    vectors = [one.vectors for one in ones], [other.vectors for other in others]
    hidden = [one.hidden for one in ones], [other.hidden for other in others]
    for part, pair in (("vectors", vectors), ("encoder", hidden)):
        mean = torch.cat([other.float() for other in pair[1]]).mean(0)
        yield Check(f"{name}: {part}", _worst(*pair), limit, _worst(*pair, mean))


def _feature_check(encoders: Encoders, windows: Sequence[Samples]) -> Check:
    """Largest difference of a normalised log energy."""
    theirs = (encoders.funasr.features([window]).stacked[0] for window in windows)
    pairs = zip(our_features(encoders.fp32, windows), theirs, strict=True)
    worst = max(_finite(float((one - other).abs().max())) for one, other in pairs)
    return Check("features: filter bank against FunASR's", worst, _FEATURES)


def _graph_check(encoders: Encoders, name: str, windows: Sequence[Samples]) -> Check:
    replayed = worker_heard(encoders.bf16, windows)
    eager = eager_heard(encoders.bf16.encoder, windows)
    differing = sum(
        not (torch.equal(one.vectors, other.vectors) and torch.equal(one.hidden, other.hidden))
        for one, other in zip(replayed, eager, strict=True)
    )
    return Check(f"graph against eager: windows that differ in a bit, {name}", differing, 0.0)


def _worst(ones: Sequence[Tensor], others: Sequence[Tensor], mean: Tensor | float = 0.0) -> float:
    """Largest ||a - b|| / ||b - mean|| of all windows."""
    errors = [
        float((one.float() - other.float()).norm() / (other.float() - mean).norm())
        for one, other in zip(ones, others, strict=True)
    ]
    return max(map(_finite, errors))


def _finite(error: float) -> float:
    """What is no number is the worst of all, and JSON knows no infinity."""
    return error if math.isfinite(error) else sys.float_info.max
