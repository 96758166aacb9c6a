"""What a Transformer layer does between its matrix products, in one kernel a step.

In plain torch it is eight launches and passes over the card's memory: with 72 layers more than the products
themselves.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from worker.engines.encoder_llm.between import Filter, Stream
from worker.engines.encoder_llm.weights import Norm

_WARPS = 4


# A kernel's arguments are its buffers.
@triton.jit  # type: ignore[untyped-decorator]
def _add_and_norm(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    x,
    total,
    delta,
    values,
    value_stride,
    taps,
    own,
    weight,
    bias,
    out,
    length,
    width,
    eps,
    has_x: tl.constexpr,
    tap_count: tl.constexpr,
    block: tl.constexpr,
):
    """One program for each row: total = x + delta + memory, out = norm(total)."""
    row = tl.program_id(0)
    column = tl.arange(0, block)
    inside = column < width
    here = row * width + column
    result = tl.load(delta + here, mask=inside, other=0.0).to(tl.float32)
    if has_x:
        result += tl.load(x + here, mask=inside, other=0.0)
    if tap_count:
        frame = row % length
        frames = tl.load(own + row // length)
        first = row - frame
        memory = tl.load(values + row * value_stride + column, mask=inside, other=0.0).to(tl.float32)
        for tap in tl.static_range(tap_count):
            # A vector of equals: masks are made of vectors.
            heard = frame + tap - tap_count // 2 + column * 0
            valid = inside & (heard >= 0) & (heard < frames)
            at = values + (first + heard) * value_stride + column
            value = tl.load(at, mask=valid, other=0.0).to(tl.float32)
            memory += value * tl.load(taps + tap * width + column, mask=inside, other=0.0)
        result += tl.where(frame + column * 0 < frames, memory, 0.0)
    tl.store(total + here, result, mask=inside)
    mean = tl.sum(result, axis=0) / width
    centred = tl.where(inside, result - mean, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, axis=0) / width + eps)
    normed = centred * scale * tl.load(weight + column, mask=inside) + tl.load(bias + column, mask=inside)
    tl.store(out + here, normed.to(out.dtype.element_ty), mask=inside)


class FusedBetween:
    """`Between` on a card."""

    def added(self, x: Tensor | None, delta: Tensor, memory: Filter | None, norm: Norm) -> Stream:
        items, length, width = delta.shape
        delta = delta.contiguous()
        total = torch.empty(delta.shape, dtype=torch.float32, device=delta.device)
        out = torch.empty_like(delta)
        # Arguments that a variant does not read still have to be pointers.
        values, taps, own = memory if memory is not None else (delta, norm.weight, norm.weight)
        kernel: Any = _add_and_norm[(items * length,)]
        kernel(
            total if x is None else x.contiguous(),
            total,
            delta,
            values,
            values.stride(1),
            taps,
            own,
            norm.weight,
            norm.bias,
            out,
            length,
            width,
            norm.eps,
            has_x=x is not None,
            tap_count=0 if memory is None else taps.shape[0],
            block=triton.next_power_of_2(width),
            num_warps=_WARPS,
        )
        return Stream(total, out)
