"""The runs with one and with two instances, and what follows from them. Pure.

Of the limit of one a load below it is known, which it holds, and one above it, which it misses. What two hold
is compared with the latter: wherever the limit lies, they have held at least so many times as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec

from bench.goals import Goals, Trial, clients_were_late, held, least_missed
from bench.live_record import LiveRun, Setup
from bench.search import Search, are_close

LEAST_RATIO: Final = 1.9
# From 1.9 times what one missed beyond twice what it held, or to 1.8 times.
_STEP_OF_TWO: Final = 0.06
# More than the borders of sentences take of speech, far less than a word that was lost and its neighbours.
MOST_UNHEARD_MS: Final = 1_000
RULE: Final = (
    f"good: two hold at least {LEAST_RATIO} times the least load that one missed; the limit of one is below "
    "that load, so how far apart loads were tried does not flatter two"
)


class PairRuns(msgspec.Struct, frozen=True):
    """As far as they have come. `within`: how close what one holds and misses should come, a share.
    `killed`: one of the two was killed in its middle."""

    setup: Setup
    goals: Goals
    within: float
    one: tuple[Trial, ...] = ()
    two: tuple[Trial, ...] = ()
    killed: LiveRun | None = None


class PairVerdict(msgspec.Struct, frozen=True):
    """to_held, to_missed: what two hold, to what one holds and to what it misses; `rule` is about the latter.
    against: all that keeps it from being good; empty: good."""

    rule: str
    one_holds: int
    one_misses: int | None
    two_hold: int
    two_miss: int | None
    to_held: float | None
    to_missed: float | None
    against: tuple[str, ...]


def verdict_on(runs: PairRuns) -> PairVerdict:
    one, two = held(runs.one), held(runs.two)
    one_misses = _streams(least_missed(runs.one))
    to_missed = two / one_misses if two and one_misses else None
    against = (*_against_limit(runs), *_against_two(runs.two, to_missed), *lost_by_kill(runs.killed))
    return PairVerdict(
        rule=RULE,
        one_holds=one,
        one_misses=one_misses,
        two_hold=two,
        two_miss=_streams(least_missed(runs.two)),
        to_held=two / one if two and one else None,
        to_missed=to_missed,
        against=against,
    )


def search_for_two(one: tuple[Trial, ...], within: float) -> Search:
    """From the least that is enough upwards to twice what one holds, which is all they can, or downwards."""
    holds, misses = held(one), _streams(least_missed(one))
    enough = math.ceil(LEAST_RATIO * (misses or holds))
    return Search(enough, max(enough, 2 * holds), _STEP_OF_TWO, within)


def lost_by_kill(run: LiveRun | None) -> tuple[str, ...]:
    """What the clients of the run with the kill miss; empty: nothing."""
    if run is None:
        return ("nothing was killed",)
    counted = ("lost", "silent", "changed", "skipped", "repeated")
    found = [f"{number} {figure}" for figure in counted if (number := getattr(run, figure))]
    if not run.resumed.count:
        found.append("nobody had to resume")
    if (run.unheard.max or 0) > MOST_UNHEARD_MS:
        found.append(f"{run.unheard.max} ms unheard")
    return tuple(found)


def _streams(trial: Trial | None) -> int | None:
    return None if trial is None else trial.run.streams


def _against_limit(runs: PairRuns) -> Iterator[str]:
    holds, missed = held(runs.one), least_missed(runs.one)
    if missed is None:
        yield "the limit of one was not reached"
        return
    misses = missed.run.streams
    if not holds:
        yield "one held nothing"
    elif not are_close(holds, misses, runs.within):
        yield f"the limit of one is known to {100 * (misses / holds - 1):.1f} %, not {100 * runs.within:g} %"
    if clients_were_late(missed.run, runs.goals):
        yield f"one missed {misses} by its clients' own lateness"


def _against_two(two: tuple[Trial, ...], to_missed: float | None) -> Iterator[str]:
    if not two:
        yield "two were not measured"
    elif not held(two):
        yield "two held nothing"
    elif to_missed is not None and to_missed < LEAST_RATIO:
        yield f"two hold {to_missed:.3f} times what one misses, not {LEAST_RATIO}"
