"""How large each part of a Fun-ASR-Nano checkpoint is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EncoderSizes:
    """The SenseVoice encoder: `blocks` main blocks, `tail_blocks` behind them."""

    width: int
    ffn: int
    heads: int
    blocks: int
    tail_blocks: int


@dataclass(frozen=True, slots=True)
class AdaptorSizes:
    """From encoder width to language width; also the shape of the CTC decoder."""

    ffn: int
    heads: int
    layers: int


@dataclass(frozen=True, slots=True)
class LanguageSizes:
    """The Qwen3 language model; `stored_as` is the torch type of its weights in `model.pt`."""

    width: int
    ffn: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    stored_as: str = "float32"


@dataclass(frozen=True, slots=True)
class Sizes:
    """A whole checkpoint.

    mixing: how strongly the plain layers of the language model mix positions; 0 leaves the choice of words
            to the few constructed heads (`counting.py`).
    """

    encoder: EncoderSizes
    adaptor: AdaptorSizes
    language: LanguageSizes
    ctc_vocabulary: int
    mixing: float = 0.1


TINY: Final = Sizes(
    EncoderSizes(width=32, ffn=64, heads=2, blocks=2, tail_blocks=1),
    AdaptorSizes(ffn=64, heads=2, layers=2),
    LanguageSizes(width=64, ffn=128, layers=3, heads=2, kv_heads=1, head_size=64, vocabulary=448),
    ctc_vocabulary=2400,
)
"""Runs on vLLM's CPU build; vLLM's attention kernels refuse heads below 32."""

FULL: Final = Sizes(
    EncoderSizes(width=512, ffn=2048, heads=4, blocks=50, tail_blocks=20),
    AdaptorSizes(ffn=2048, heads=8, layers=2),
    LanguageSizes(width=1024, ffn=3072, layers=28, heads=16, kv_heads=8, head_size=128, vocabulary=151_936),
    ctc_vocabulary=60_515,
)
"""As published: Fun-ASR-Nano-2512 with its Qwen3-0.6B."""
