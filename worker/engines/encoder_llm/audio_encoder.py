"""Audio in, vectors for the language model out: a forward of our own over FunASR's weights.

FunASR's modules move a tensor from the CPU in every call and mix precisions, so they can neither be captured
in a CUDA graph nor run in bf16. This one does neither, and masks so that an item's result does not depend on
the items beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worker.engines.encoder_llm.between import Between, Filter, PlainBetween, Stream, normed
from worker.engines.encoder_llm.families.fun_asr_nano import (
    FRAMES_SKIPPED,
    FRAMES_STACKED,
    audio_tokens,
)
from worker.engines.encoder_llm.weights import AudioWeights, Layer, Linear, Norm
from worker.filter_bank import FilterBank

# The position code of the paper (Vaswani et al., 2017), with sines in the first half of the channels.
_LONGEST_WAVE = 10_000.0


class Encoded(NamedTuple):
    """`vectors`, shape (items, audio_tokens(low-rate frames), language model's width), in the compute dtype:
    of an item, the first `audio_tokens` of its own length count. `hidden`, shape (items, low-rate frames,
    width), fp32: what the CTC head reads."""

    vectors: Tensor
    hidden: Tensor


class AudioEncoder:
    """Pure function of its inputs; `encode` may be captured."""

    def __init__(self, weights: AudioWeights) -> None:
        self._weights = weights
        self._bank = FilterBank(weights.shift.device)
        self._between = _between(weights.shift.device)

    @property
    def dtype(self) -> torch.dtype:
        return self._weights.project[0].weight.dtype

    @property
    def device(self) -> torch.device:
        return self._weights.shift.device

    @property
    def output_width(self) -> int:
        return self._weights.output_width

    def encode(self, audio: Tensor, counts: Tensor) -> Encoded:
        """Audio of shape (items, samples of 6 n frames), fp32; of an item's frames the first `counts`, at
        least one, are its own."""
        with torch.inference_mode():
            return self._encoded(self._bank.of_audio(audio), counts)

    def _encoded(self, frames: Tensor, counts: Tensor) -> Encoded:
        weights = self._weights
        low_rate = frames.shape[1] // FRAMES_SKIPPED
        own = (-(-counts // FRAMES_SKIPPED)).to(torch.int32)
        attended = _attention_bias(own, low_rate, self.dtype)
        x = (_stacked(frames, counts) + weights.shift) * weights.scale * weights.width**0.5
        x = x + _positions(low_rate, x.shape[2], x.device)
        x = self._through(weights.encoder, x, attended, own, weights.encoder_norm)
        hidden = self._through(weights.temporal, x, attended, own, weights.temporal_norm)
        return Encoded(self._adapt(hidden, attended, own, audio_tokens(low_rate)), hidden)

    def _through(
        self, layers: Sequence[Layer], x: Tensor, attended: Tensor, own: Tensor, last: Norm
    ) -> Tensor:
        """x of shape (items, n, width), fp32, through all layers, then normed."""
        stream = Stream(x, normed(x, layers[0].norm1).to(self.dtype))
        for layer, norm in zip(layers, [*(layer.norm1 for layer in layers[1:]), last], strict=True):
            stream = self._layer(layer, stream, attended, own, norm)
        return normed(stream.x, last)

    def _layer(
        self, layer: Layer, stream: Stream, attended: Tensor, own: Tensor, norm: Norm, rows: int | None = None
    ) -> Stream:
        """`norm`: the next one behind this layer; `rows`: only the first so many are wanted."""
        out, values = _attention(layer, stream.normed, attended, rows)
        memory = None if layer.taps is None else Filter(values, layer.taps, own)
        x = stream.x[:, :rows] if layer.residual else None
        x, normed_x = self._between.added(x, out, memory, layer.norm2)
        narrowed = _linear(torch.relu(_linear(normed_x, layer.widen)), layer.narrow)
        return self._between.added(x, narrowed, None, norm)

    def _adapt(self, hidden: Tensor, attended: Tensor, own: Tensor, tokens: int) -> Tensor:
        first, second = self._weights.project
        x = _linear(torch.relu(_linear(hidden.to(self.dtype), first)), second).float()
        *layers, last = self._weights.adaptor
        stream = Stream(x, normed(x, self._weights.adaptor[0].norm1).to(self.dtype))
        for layer, norm in zip(layers, [layer.norm1 for layer in self._weights.adaptor[1:]], strict=True):
            stream = self._layer(layer, stream, attended, own, norm)
        # Only the first vectors are handed on, so only they need the last layer's answer. Behind it there is
        # no norm; what its own would give is not read.
        return self._layer(last, stream, attended, own, last.norm1, tokens).x.to(self.dtype)


def _stacked(frames: Tensor, counts: Tensor) -> Tensor:
    """Every sixth frame with its three neighbours on either side, shape (items, n, 560); at the edges the
    first or last own frame stands in for what is not there."""
    items, length, mels = frames.shape
    around = torch.arange(FRAMES_STACKED, device=frames.device) - FRAMES_STACKED // 2
    picked = torch.arange(0, length, FRAMES_SKIPPED, device=frames.device)[:, None] + around
    picked = torch.minimum(picked.clamp(min=0)[None], (counts - 1)[:, None, None])
    flat = picked.reshape(items, -1, 1).expand(-1, -1, mels)
    return frames.gather(1, flat).reshape(items, length // FRAMES_SKIPPED, FRAMES_STACKED * mels)


def _positions(length: int, width: int, device: torch.device) -> Tensor:
    """Shape (1, length, width); positions count from 1."""
    half = torch.arange(width // 2, device=device, dtype=torch.float32)
    step = torch.log(torch.tensor([_LONGEST_WAVE])).item() / (width / 2 - 1)
    angles = torch.arange(1, length + 1, device=device)[:, None] * torch.exp(half * -step)
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)[None]


def _attention_bias(own: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    frames = torch.arange(length, device=own.device)
    bias = torch.zeros((len(own), length), dtype=dtype, device=own.device)
    return bias.masked_fill(frames >= own[:, None], float("-inf"))[:, None, None, :]


def _attention(layer: Layer, x: Tensor, attended: Tensor, rows: int | None) -> tuple[Tensor, Tensor]:
    """What the first `rows` attend to, through the layer's output product, and the values of all rows."""
    items, length, _ = x.shape
    query, key, values = _linear(x, layer.qkv).chunk(3, dim=2)
    heads = [part.view(items, length, layer.heads, -1).transpose(1, 2) for part in (query, key, values)]
    asked = heads[0][:, :, :rows]
    bias = attended.expand(-1, layer.heads, asked.shape[2], -1)
    seen = F.scaled_dot_product_attention(asked, heads[1], heads[2], attn_mask=bias)
    return _linear(seen.transpose(1, 2).reshape(items, asked.shape[2], -1), layer.out), values


def _between(device: torch.device) -> Between:
    if device.type != "cuda":
        return PlainBetween()
    from worker.engines.encoder_llm.fused import FusedBetween  # noqa: PLC0415

    return FusedBetween()


def _linear(x: Tensor, linear: Linear) -> Tensor:
    return F.linear(x, linear.weight, linear.bias)
