"""The card's kernel, run by Triton's interpreter, against the plain forward that it stands for.

`python -m tests.support.fused_kernel`, in a process of its own: Triton reads its variable when imported.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import torch

from worker.engines.encoder_llm.between import Filter, PlainBetween
from worker.engines.encoder_llm.fused import FusedBetween
from worker.engines.encoder_llm.weights import Norm

ITEMS, FRAMES, TAPS = 3, 9, 11


def drawn(*shape: int, seed: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check_equal(width: int, dtype: Any, *, with_x: bool, with_memory: bool) -> None:
    qkv = drawn(ITEMS, FRAMES, 3 * width, seed=1).to(dtype)
    own = torch.tensor([FRAMES, 4, 1], dtype=torch.int32)
    memory = Filter(qkv.chunk(3, 2)[2], drawn(TAPS, width, seed=2), own) if with_memory else None
    x = drawn(ITEMS, FRAMES, width, seed=3) if with_x else None
    delta = drawn(ITEMS, FRAMES, width, seed=4).to(dtype)
    norm = Norm(drawn(width, seed=5), drawn(width, seed=6), 1e-5)
    plain = PlainBetween().added(x, delta, memory, norm)
    ours = FusedBetween().added(x, delta, memory, norm)
    torch.testing.assert_close(ours.x, plain.x, atol=1e-5, rtol=1e-5)
    # One unit in the last place of what the next product reads.
    torch.testing.assert_close(ours.normed.float(), plain.normed.float(), atol=1e-5, rtol=2**-7)


def check_mask() -> None:
    """What is behind an item's own frames does not count."""
    values, taps = drawn(1, FRAMES, 32, seed=1), drawn(TAPS, 32, seed=2)
    own = torch.tensor([4], dtype=torch.int32)
    delta, norm = torch.zeros(1, FRAMES, 32), Norm(torch.ones(32), torch.zeros(32), 1e-5)
    others = values.clone()
    others[:, 4:] = float("nan")
    one = FusedBetween().added(None, delta, Filter(values, taps, own), norm).x
    other = FusedBetween().added(None, delta, Filter(others, taps, own), norm).x
    torch.testing.assert_close(other, one, atol=0, rtol=0)
    torch.testing.assert_close(one[:, 4:], torch.zeros_like(one[:, 4:]), atol=0, rtol=0)


def main() -> None:
    flags = (False, True)
    for width, dtype, with_x, with_memory in itertools.product(
        (32, 48), (torch.float32, torch.bfloat16), flags, flags
    ):
        check_equal(width, dtype, with_x=with_x, with_memory=with_memory)
    check_mask()
    print("equal")  # noqa: T201 - this is what the test reads


if __name__ == "__main__":
    main()
