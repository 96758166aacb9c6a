"""Command line of the live measurement."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live_material import MaterialKind
from bench.numbers import count, counts, positive
from bench.peers.launch import FunasrSetup

DEFAULT_SERVER: Final = "ws://127.0.0.1:10095"
# What each server promises between two partials, and its longest segment. FunASR decodes after 960 ms of new
# audio and looks once a frame.
_OURS: Final = (480, 30_000)
_FUNASR: Final = (960, 60_000)


@dataclass(frozen=True, slots=True)
class LiveFlags:
    """`peer` None: the servers run already. `metrics`: addresses of the server's own account."""

    servers: tuple[str, ...]
    peer: FunasrSetup | None
    load: Load
    interval_ms: int
    cap_ms: int
    metrics: tuple[str, ...]
    note: str
    output: Path | None


@dataclass(frozen=True, slots=True)
class Load:
    """One run for each number of streams. `resume`: they outlive their connection."""

    streams: tuple[int, ...]
    seconds: float
    ramp_s: float
    clients: int
    material: MaterialKind
    resume: bool = False


def parse_live_flags(arguments: Sequence[str]) -> LiveFlags:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    if (flags.peer is None) != (flags.model is None):
        parser.error("--peer and --model go together")
    if flags.peer is not None and flags.resume:
        parser.error("--resume goes with our own server")
    return live_flags_of(flags, flags.streams, _peer(flags))


def add_live_flags(parser: argparse.ArgumentParser) -> None:
    """Those of all measurements with live streams; `live_flags_of` reads them."""
    parser.add_argument("--seconds", type=positive, default=60.0, help="length of each stream")
    parser.add_argument("--ramp", type=positive, default=10.0, help="seconds over which they start")
    parser.add_argument("--material", type=MaterialKind, choices=list(MaterialKind), default="continuous")
    parser.add_argument("--clients", type=count, default=4, help="client processes")
    parser.add_argument("--resume", action="store_true", help="streams outlive their connection")
    parser.add_argument("--server", action="append", metavar="URL", help=f"may repeat; {DEFAULT_SERVER}")
    parser.add_argument("--metrics", action="append", default=[], metavar="URL", help="may repeat")
    parser.add_argument("--interval-ms", type=count, help="between partials; 480, or 960 of a peer")
    parser.add_argument("--segment-cap-ms", type=count, help="longest segment; 30000, or 60000 of a peer")
    parser.add_argument("--note", default="", help="goes into table and record: random weights, MPS, ...")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")


def live_flags_of(
    flags: argparse.Namespace, streams: tuple[int, ...] = (), peer: FunasrSetup | None = None
) -> LiveFlags:
    interval_ms, cap_ms = _OURS if peer is None else _FUNASR
    return LiveFlags(
        servers=tuple(flags.server or [DEFAULT_SERVER]),
        peer=peer,
        load=Load(streams, flags.seconds, flags.ramp, flags.clients, flags.material, flags.resume),
        interval_ms=flags.interval_ms or interval_ms,
        cap_ms=flags.segment_cap_ms or cap_ms,
        metrics=tuple(flags.metrics),
        note=flags.note,
        output=flags.output,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench live",
        description="Paced live streams against a running server, or a peer's.",
        epilog="Go upwards with several numbers: an overloaded server has work left for the next run.",
    )
    parser.add_argument("streams", type=counts, help="how many at once; 50,100 is a run of each")
    add_live_flags(parser)
    peer = parser.add_argument_group("peer: start it, measure it, end it")
    peer.add_argument("--peer", choices=["funasr"])
    peer.add_argument("--model", type=Path, metavar="DIR", help="its checkpoint; iic/ lies beside it")
    peer.add_argument("--ports", type=counts, default=(10195,), help="a process for each: 10195,10196")
    peer.add_argument("--cap", type=count, help="most tokens of a decode")
    peer.add_argument("--peer-flags", type=shlex.split, default=[], help="flags of its own, as one text")
    peer.add_argument("--peer-python", default=sys.executable, help="interpreter that has it")
    return parser


def _peer(flags: argparse.Namespace) -> FunasrSetup | None:
    if flags.peer is None:
        return None
    return FunasrSetup(flags.model, flags.ports, flags.cap, tuple(flags.peer_flags), flags.peer_python)
