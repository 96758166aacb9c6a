"""What a Transformer layer does between its matrix products, in plain torch: the reference, and for the CPU.

`fused.py` does the same in one kernel a step. Either way the residual stream is fp32 and what the products
read is in their precision.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from worker.engines.encoder_llm.weights import Norm


class Stream(NamedTuple):
    """The residual stream, shape (items, n, width), fp32, and the same normed for the next product."""

    x: Tensor
    normed: Tensor


class Filter(NamedTuple):
    """What SANM layers add to their attention: `values`, shape (items, n, width), each channel filtered over
    an item's own frames by `taps`, shape (taps, width), fp32, plus the value itself. `own`: frames of each
    item, int32."""

    values: Tensor
    taps: Tensor
    own: Tensor


class Between(Protocol):
    def added(self, x: Tensor | None, delta: Tensor, memory: Filter | None, norm: Norm) -> Stream:
        """x + delta + memory, and that normed. `x` None is 0; it may be written over."""
        ...


class PlainBetween:
    def added(self, x: Tensor | None, delta: Tensor, memory: Filter | None, norm: Norm) -> Stream:
        total = delta.float()
        if memory is not None:
            total = total + _filtered(memory)
        if x is not None:
            total = x + total
        return Stream(total, normed(total, norm).to(delta.dtype))


def normed(x: Tensor, norm: Norm) -> Tensor:
    return F.layer_norm(x, (x.shape[2],), norm.weight, norm.bias, norm.eps)


def _filtered(memory: Filter) -> Tensor:
    frames = torch.arange(memory.values.shape[1], device=memory.own.device)
    own = (frames < memory.own[:, None])[:, :, None]
    values = memory.values.float() * own
    taps = memory.taps.t()[:, None]
    filtered = F.conv1d(values.transpose(1, 2), taps, padding=taps.shape[2] // 2, groups=taps.shape[0])
    return (filtered.transpose(1, 2) + values) * own
