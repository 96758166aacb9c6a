"""Vectors for the language model as NumPy arrays, which know no bf16: rows of the same bytes.

Small copies go through NumPy because torch gives the interpreter lock away with every call, and in a thread
beside a busy one waits for it each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[Any]
"""Shape (n, width), uint16 for bf16 and float32 for fp32."""


def rows_of(tensor: Tensor) -> Rows:
    """The same memory."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    rows: Rows = tensor.numpy()
    return rows


def joined(parts: Sequence[Rows], dtype: torch.dtype) -> Tensor:
    """One tensor of them all, in memory of its own, shape (sum of n, width)."""
    tensor = torch.from_numpy(np.concatenate(parts))
    return tensor.view(torch.bfloat16) if dtype is torch.bfloat16 else tensor
