"""Forced alignment: the likeliest way to say given labels in a CTC's frames, for a batch at once.

A path begins and ends with a label or a blank, holds the labels in order, each for one frame or more, and has
at least one blank between equal neighbours. Its states are numbered 0 to 2L for L labels: the even ones are
blanks, state 2i + 1 is label i.

On the host, with numpy: a step depends on the one before, so that a GPU would spend its time on the launches
of thousands of tiny kernels (and the encoder would wait behind them), while the emissions that have to be
copied are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

import numpy as np
import numpy.typing as npt

LogProbs = npt.NDArray[np.float32]
_States = npt.NDArray[np.intp]

_IMPOSSIBLE: Final = np.float32(-np.inf)


@dataclass(frozen=True, slots=True)
class LabelSpan:
    """Frames [start, end) in which a label is said; `score` is its best probability there."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Emissions:
    """Log-probabilities of what one text needs, and nothing else of the vocabulary.

    log_probs: shape (frames, 1 + labels); column 0 is the blank, column 1 + i label i.
    labels:    ids of the labels, at least one, in the order in which they are said; none is the blank.
    """

    log_probs: LogProbs
    labels: Sequence[int]

    @property
    def can_be_aligned(self) -> bool:
        return has_room(len(self.log_probs), self.labels) and bool(np.isfinite(self.log_probs).all())


def has_room(frames: int, labels: Sequence[int]) -> bool:
    """Whether there are frames enough: one for each label, one between equal neighbours."""
    return frames >= len(labels) + int(np.count_nonzero(_repeats(labels)))


def align(batch: Sequence[Emissions]) -> list[tuple[LabelSpan, ...] | None]:
    """One span for each label of each item; None where frames are too few or not all numbers are finite.

    An item's spans do not depend on the others.
    """
    sound = [item.can_be_aligned for item in batch]
    paths = iter(_best_paths(list(compress(batch, sound))) if any(sound) else [])
    return [_spans(item, next(paths)) if good else None for item, good in zip(batch, sound, strict=True)]


def _repeats(labels: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Whether label i + 1 equals label i, shape (labels - 1,)."""
    ids = np.asarray(labels)
    return np.asarray(ids[1:] == ids[:-1])


def _best_paths(batch: Sequence[Emissions]) -> list[_States]:
    """The state of each frame of each item."""
    reached = _reached(_state_log_probs(batch), skips := _skip_penalties(batch))
    lengths = np.array([len(item.log_probs) for item in batch])
    last = np.array([2 * len(item.labels) for item in batch])
    items = np.arange(len(batch))
    path = np.zeros((len(reached), len(batch)), np.intp)
    # Two states in front that nothing reaches, as in `_reached`.
    final = reached[lengths - 1, items]
    ends = last - (final[items, last + 2] <= final[items, last + 1])
    state = ends
    for frame in range(len(reached) - 1, -1, -1):
        state = np.where(frame >= lengths - 1, ends, _previous(reached[frame], skips, state))
        path[frame] = state
    return [path[:length, item] for item, length in enumerate(lengths)]


def _previous(reached: LogProbs, skips: LogProbs, state: _States) -> _States:
    """The likeliest state of a frame before `state` of the next one, shape (items,); staying wins a tie."""
    items = np.arange(len(state))
    stay = reached[items, state + 2]
    step = reached[items, state + 1]
    skip = reached[items, state] + skips[items, state]
    back = np.where(step > stay, 1, 0)
    return state - np.where(skip > np.maximum(stay, step), 2, back)


def _reached(log_probs: LogProbs, skips: LogProbs) -> LogProbs:
    """Log-probability of the best path to each state in each frame, shape (frames, items, 2 + states)."""
    frames, items, states = log_probs.shape
    reached = np.full((frames, items, 2 + states), _IMPOSSIBLE)
    reached[0, :, 2:4] = log_probs[0, :, :2]
    best, skip = np.empty((items, states), np.float32), np.empty((items, states), np.float32)
    for frame in range(1, frames):
        before = reached[frame - 1]
        np.maximum(before[:, 2:], before[:, 1:-1], out=best)
        np.add(before[:, :-2], skips, out=skip)
        np.maximum(best, skip, out=best)
        np.add(best, log_probs[frame], out=reached[frame, :, 2:])
    return reached


def _state_log_probs(batch: Sequence[Emissions]) -> LogProbs:
    """Shape (frames, items, states), as wide as the longest; 0 where an item has no frame or state."""
    frames = max(len(item.log_probs) for item in batch)
    states = max(2 * len(item.labels) + 1 for item in batch)
    padded = np.zeros((frames, len(batch), states), np.float32)
    for number, item in enumerate(batch):
        own, labels = len(item.log_probs), len(item.labels)
        padded[:own, number, 0 : 2 * labels + 1 : 2] = item.log_probs[:, :1]
        padded[:own, number, 1 : 2 * labels : 2] = item.log_probs[:, 1:]
    return padded


def _skip_penalties(batch: Sequence[Emissions]) -> LogProbs:
    """0 where a state may be reached over the blank before it, else minus infinity, shape (items, states)."""
    states = max(2 * len(item.labels) + 1 for item in batch)
    penalties = np.full((len(batch), states), _IMPOSSIBLE)
    for number, item in enumerate(batch):
        # State 3 is the second label.
        following = penalties[number, 3 : 2 * len(item.labels) : 2]
        following[~_repeats(item.labels)] = 0.0
    return penalties


def _spans(item: Emissions, path: _States) -> tuple[LabelSpan, ...]:
    states = 2 * np.arange(len(item.labels)) + 1
    starts = np.searchsorted(path, states, side="left").tolist()
    ends = np.searchsorted(path, states, side="right").tolist()
    return tuple(
        LabelSpan(start, end, float(np.exp(item.log_probs[start:end, 1 + label].max())))
        for label, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
