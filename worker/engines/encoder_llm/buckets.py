"""Which sizes the encoder is captured for, and how windows are sorted into them.

A captured graph runs its whole size, full or not, and below a few hundred frames it takes the time of its
launches, not of its arithmetic: few batches with some padding beat many that fit exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LENGTHS: Final = (16, 32, 48, 72, 96, 120, 136, 192, 256, 344, 424, 504)
"""In 60-ms frames: 136 is a window of 8 s, 504 a segment of 30 s. Multiples of 8, for attention kernels."""
ROWS: Final = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
MAX_FRAMES: Final = 64 * 136
"""Largest batch in frames: about where the card is full."""
# Frames whose arithmetic takes as long as the launches of one more batch (H200: 3 ms).
LAUNCH_FRAMES: Final = 1_500


@dataclass(frozen=True, slots=True)
class Batch:
    """Indices of the windows of one launch, with the size of its bucket."""

    indices: tuple[int, ...]
    rows: int
    length: int


def captured_sizes() -> list[tuple[int, int]]:
    """All (rows, length), the largest first: the memory of a graph serves the smaller ones after it."""
    sizes = [
        (rows, length) for length in LENGTHS for rows in ROWS if rows == 1 or rows * length <= MAX_FRAMES
    ]
    return sorted(sizes, key=lambda size: -size[0] * size[1])


def length_for(low_rate: int) -> int:
    """Raises `ValueError` for a window longer than the longest segment."""
    position = bisect_left(LENGTHS, low_rate)
    if position == len(LENGTHS):
        raise ValueError(f"{low_rate} frames of 60 ms are more than {LENGTHS[-1]}")
    return LENGTHS[position]


def planned(low_rates: Sequence[int]) -> list[Batch]:
    """Every index once; the longest windows first."""
    order = sorted(range(len(low_rates)), key=lambda index: -low_rates[index])
    batches: list[Batch] = []
    while order:
        length = length_for(low_rates[order[0]])
        count = _worth_taking([length_for(low_rates[index]) for index in order], length)
        taken, order = order[:count], order[count:]
        batches.append(Batch(tuple(taken), ROWS[bisect_left(ROWS, count)], length))
    return batches


def _worth_taking(lengths: Sequence[int], length: int) -> int:
    """How many of the windows, longest first, to put into a batch of `length`."""
    most = min(len(lengths), ROWS[-1], max(rows for rows in ROWS if rows == 1 or rows * length <= MAX_FRAMES))
    for position in range(1, most):
        saved = (length - lengths[position]) * (len(lengths) - position)
        if saved > LAUNCH_FRAMES:
            return position
    return most
