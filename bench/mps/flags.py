"""Command line of `python -m bench mps`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mps.blow import Blow
from bench.mps.canary import OURS, Program
from bench.numbers import count, counts, positive


@dataclass(frozen=True, slots=True)
class MpsFlags:
    """`fault`: how many workers; 0: none is injected. What needs longer than `budget_s` is left out."""

    rounds: int
    starts: tuple[int, ...]
    fault: int
    blow: Blow
    engine: str
    fault_engine: str
    serve: tuple[str, ...]
    canary: Program
    budget_s: float
    commit: str
    note: str
    logs: Path | None
    output: Path | None


def parse_mps_flags(arguments: Sequence[str]) -> MpsFlags:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    flags = _parser().parse_args(arguments)
    return MpsFlags(
        rounds=flags.rounds,
        starts=flags.starts,
        fault=flags.fault,
        blow=Blow(flags.streams, flags.seconds, flags.after),
        engine=flags.engine,
        fault_engine=flags.fault_engine,
        serve=tuple(flags.serve),
        canary=flags.canary,
        budget_s=flags.budget,
        commit=flags.commit,
        note=flags.note,
        logs=flags.logs,
        output=flags.output,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench mps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="starts and ends of the daemon with a canary")
    parser.add_argument("--starts", type=counts, default=(), help="an instance of each number: 1,1,2,3,4")
    parser.add_argument("--fault", type=count, default=0, metavar="WORKERS", help="last: an assertion in one")
    parser.add_argument("--streams", type=count, default=40, help="live over the fault: %(default)s")
    parser.add_argument("--seconds", type=positive, default=130.0, help="of each: %(default)s")
    parser.add_argument("--after", type=positive, default=15.0, help="seconds until the fault: %(default)s")
    parser.add_argument("--engine", default="fun-asr-nano", help="of the starts: %(default)s")
    parser.add_argument("--fault-engine", default="bench.mps.asserting_engine:create", help="%(default)s")
    parser.add_argument("--serve", type=shlex.split, default=[], help="flags of `voxshard serve`, one text")
    parser.add_argument("--canary", default=OURS, help="its program: %(default)s")
    parser.add_argument("--budget", type=positive, default=540.0, help="seconds for all: %(default)s")
    parser.add_argument("--commit", default="", help="goes into the record")
    parser.add_argument("--note", default="", help="goes into the record: random weights, ...")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep what the instances say")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    return parser
