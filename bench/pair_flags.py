"""Command line of the measurement of two instances."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bench.goals import Goals, add_goal_flags, goals_of
from bench.live_flags import LiveFlags, add_live_flags, live_flags_of
from bench.numbers import count, positive
from bench.pair_site import PairPlan
from bench.search import Search, add_search_flags, search_of


@dataclass(frozen=True, slots=True)
class PairFlags:
    """`search`: for the limit of one instance. `budget_s`: for everything, from the start of both on."""

    plan: PairPlan
    search: Search
    goals: Goals
    budget_s: float
    live: LiveFlags


def parse_pair_flags(arguments: Sequence[str]) -> PairFlags:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m bench pair",
        description="Two instances on this machine: what they hold, and the loss of one of them.",
    )
    parser.add_argument("--engine", default="moonshine")
    parser.add_argument("--devices", type=_two, default=("cpu", "cpu"), metavar="A,B", help="cuda:0,cuda:1")
    parser.add_argument("--workers", type=count, default=1, help="of each instance")
    parser.add_argument("--gateways", type=count, default=1, help="of each instance")
    parser.add_argument("--cores", type=int, default=0, help="cores of each instance's own; 0: none")
    parser.add_argument(
        "--serve", type=shlex.split, default=[], help="flags of `voxshard serve`, as one text"
    )
    parser.add_argument("--boot", type=positive, default=300.0, help="seconds for both to become ready")
    parser.add_argument(
        "--budget", type=positive, default=600.0, help="seconds for everything, from the start of both on"
    )
    # What one card holds is known roughly, and time with two is short.
    add_search_flags(parser, step=0.05)
    add_live_flags(parser)
    add_goal_flags(parser)
    flags = parser.parse_args(arguments)
    return PairFlags(
        PairPlan(
            flags.engine,
            flags.devices,
            flags.workers,
            flags.gateways,
            flags.cores,
            flags.boot,
            tuple(flags.serve),
        ),
        search_of(flags),
        goals_of(flags),
        flags.budget,
        live_flags_of(flags),
    )


def _two(text: str) -> tuple[str, str]:
    one, comma, other = text.partition(",")
    if not (one and comma and other):
        raise argparse.ArgumentTypeError(f"{text} is not A,B")
    return one, other
