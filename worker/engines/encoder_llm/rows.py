"""Vectors for the language model as NumPy arrays, which know no bf16: rows of the same bytes.

Small copies go through NumPy because torch gives the interpreter lock away with every call, and in a thread
beside a busy one waits for it each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[Any]
"""Shape (n, width), uint16 for bf16 and float32 for fp32."""
# All ones in infinities and in what is no number, and in nothing else.
_BF16_EXPONENT: Final = 0x7F80


def rows_of(tensor: Tensor) -> Rows:
    """The same memory."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    rows: Rows = tensor.numpy()
    return rows


def are_finite(rows: Rows) -> bool:
    """Whether all of them are numbers."""
    if rows.dtype == np.uint16:
        return not ((rows & _BF16_EXPONENT) == _BF16_EXPONENT).any()
    return bool(np.isfinite(rows).all())


def joined(parts: Sequence[Rows], dtype: torch.dtype) -> Tensor:
    """One tensor of them all, in memory of its own, shape (sum of n, width)."""
    tensor = torch.from_numpy(np.concatenate(parts))
    return tensor.view(torch.bfloat16) if dtype is torch.bfloat16 else tensor
