"""Which load to try next, to find the greatest that is held. Pure."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from bench.numbers import count, positive


@dataclass(slots=True)
class Search:
    """From `first` by `step` upwards until a load is missed or `most` is held, or downwards until one is
    held; then between the two, until they are `within` of each other. Both are shares of the lower load."""

    first: int
    most: int
    step: float
    within: float
    held: int = 0
    missed: int | None = None

    def next(self) -> int | None:
        """None: it has been found, or even one stream is too many."""
        if self.missed is None:
            above = self.held + max(1, int(self.step * self.held))
            return min(self.most, max(self.first, above)) if self.held < self.most else None
        if are_close(self.held, self.missed, self.within):
            return None
        if not self.held:
            return min(self.missed - 1, math.ceil(self.missed / (1 + self.step)))
        return (self.held + self.missed) // 2

    def tell(self, load: int, *, was_held: bool) -> None:
        if was_held:
            self.held = load
        else:
            self.missed = load


def are_close(held: int, missed: int, within: float) -> bool:
    """Also when there is no load between them."""
    return missed - held <= max(1.0, within * held)


def add_search_flags(parser: argparse.ArgumentParser, *, step: float) -> None:
    """`search_of` reads them; `step` is what it is when none is given."""
    parser.add_argument("--first", type=count, default=10, help="streams of the first run")
    parser.add_argument("--most", type=count, default=2_000, help="streams of the largest run")
    parser.add_argument(
        "--step",
        type=positive,
        default=step,
        help="more until a run misses, or fewer until one holds: 0.5 is by half; default: %(default)s",
    )
    parser.add_argument("--within", type=positive, default=0.05, help="how close: 0.05 is to 5 %%")


def search_of(flags: argparse.Namespace) -> Search:
    return Search(flags.first, flags.most, flags.step, flags.within)
