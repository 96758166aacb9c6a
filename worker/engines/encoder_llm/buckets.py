"""Which sizes the encoder is captured for, and how windows are sorted into them.

A captured graph runs its whole size, full or not, and below a few hundred frames it takes the time of its
launches, not of its arithmetic: few batches with some padding beat many that fit exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

LENGTHS: Final = (16, 32, 48, 72, 96, 120, 136, 192, 256, 344, 424, 504)
"""In 60-ms frames: 136 is a window of 8 s, 504 a segment of 30 s. Multiples of 8, for attention kernels."""
ROWS: Final = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
# Looked up for every pair of borders of every batch.
_ROWS_FOR: Final = tuple(ROWS[bisect_left(ROWS, count)] for count in range(ROWS[-1] + 1))
MAX_FRAMES: Final = 64 * 136
"""Largest batch in frames: about where the card is full."""
# What a batch costs besides its frames, in frames. Its launches take as long as the arithmetic of 1,600 (3 ms
# on an H200), but leave most of the card to others meanwhile.
LAUNCH_FRAMES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Indices of the windows of one launch, with the size of its bucket."""

    indices: tuple[int, ...]
    rows: int
    length: int


def captured_sizes() -> list[tuple[int, int]]:
    """All (rows, length), the largest first: the memory of a graph serves the smaller ones after it."""
    sizes = [(rows, length) for length in LENGTHS for rows in ROWS if _is_captured(rows, length)]
    return sorted(sizes, key=lambda size: -size[0] * size[1])


def length_for(low_rate: int) -> int:
    """Raises `ValueError` for a window longer than the longest segment."""
    position = bisect_left(LENGTHS, low_rate)
    if position == len(LENGTHS):
        raise ValueError(f"{low_rate} frames of 60 ms are more than {LENGTHS[-1]}")
    return LENGTHS[position]


def planned(low_rates: Sequence[int]) -> list[Batch]:
    """Every index once, in the batches that cost least together; the longest windows first."""
    order = sorted(range(len(low_rates)), key=lambda index: -low_rates[index])
    lengths = [length_for(low_rates[index]) for index in order]
    return [
        Batch(tuple(order[begin:end]), _rows_for(end - begin), lengths[begin])
        for begin, end in pairwise(_cheapest_borders(lengths))
    ]


def cost(rows: int, length: int) -> int:
    return LAUNCH_FRAMES + rows * length


def _cheapest_borders(lengths: Sequence[int]) -> list[int]:
    """Where to divide windows, the longest first: the shortest path from border to border."""
    path = [_Path(0, 0)]
    for end in range(1, len(lengths) + 1):
        sizes = ((begin, _rows_for(end - begin)) for begin in range(max(0, end - ROWS[-1]), end))
        costs = (
            (path[begin].cost + cost(rows, lengths[begin]), begin)
            for begin, rows in sizes
            if _is_captured(rows, lengths[begin])
        )
        path.append(_Path(*min(costs)))
    borders = [len(lengths)]
    while borders[-1]:
        borders.append(path[borders[-1]].begin)
    return borders[::-1]


class _Path(NamedTuple):
    """The cheapest to some border; `begin`: of its last batch."""

    cost: int
    begin: int


def _rows_for(count: int) -> int:
    return _ROWS_FOR[count]


def _is_captured(rows: int, length: int) -> bool:
    return rows == 1 or rows * length <= MAX_FRAMES
