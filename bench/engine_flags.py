"""Command line of the engine bench."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.engine_job import Cells, Engine
from bench.numbers import count, counts, positive

SECTIONS: Final = ("encoder", "model", "whole", "peer")
_DEVICES: Final = "auto, cpu, cuda or cuda:N"


@dataclass(frozen=True, slots=True)
class EngineFlags:
    sections: tuple[str, ...]
    engine: Engine
    cells: Cells
    seconds_limit: float
    peer: PeerFlags
    note: str
    output: Path | None


@dataclass(frozen=True, slots=True)
class PeerFlags:
    """threads: of FunASR's process; None: as many as its libraries take. memory: its share of the card."""

    python: str
    threads: int | None
    memory: float


def parse_engine_flags(arguments: Sequence[str]) -> EngineFlags:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    return EngineFlags(
        sections=tuple(section for section in SECTIONS if section in (flags.sections or SECTIONS)),
        engine=_engine(flags),
        cells=_cells(flags),
        seconds_limit=flags.seconds_limit,
        peer=PeerFlags(flags.peer_python, flags.peer_threads, flags.peer_memory),
        note=flags.note,
        output=flags.output,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench engine", description="The engine alone, without gateway and worker."
    )
    parser.add_argument("sections", nargs="*", type=_section, metavar="|".join(SECTIONS), help="default: all")
    parser.add_argument("--model", required=True, metavar="DIR", help="checkpoint; prepared if it is not")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--note", default="random weights", help="goes into record and table: %(default)s")
    parser.add_argument("--seconds-limit", type=positive, default=540.0, help="of all: %(default)s")
    _add_engine_flags(parser.add_argument_group("engine, as the worker's settings"))
    _add_cell_flags(parser.add_argument_group("what is measured"))
    peer = parser.add_argument_group("peer: FunASR's own engine, in a process of its own")
    peer.add_argument("--peer-python", default=sys.executable, help="interpreter that has it")
    peer.add_argument("--peer-threads", type=count, help="its OMP_NUM_THREADS; as it comes if not given")
    peer.add_argument("--peer-memory", type=positive, default=0.8, help="share of the card: %(default)s")
    return parser


def _add_engine_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--prepared", metavar="DIR", help="prepared weights; beside the model if not given")
    group.add_argument("--device", default="auto", help=_DEVICES)
    group.add_argument("--dtype", choices=["auto", "bf16", "fp32"], default="auto")
    group.add_argument("--gpu-memory-utilization", type=positive, default=0.5, metavar="SHARE")
    group.add_argument("--kv-cache-gib", type=positive, default=8.0, metavar="GIB")
    group.add_argument("--max-model-len", type=count, default=2_048, metavar="TOKENS")


def _add_cell_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--windows", type=_lengths, default=(8.0, 2.0, 30.0), metavar="S,S,...")
    group.add_argument("--batches", type=counts, default=(1, 8, 32, 64), metavar="N,N,...")
    group.add_argument("--in-flight", type=counts, default=(1, 16, 64, 128), metavar="N,N,...")
    group.add_argument("--new-tokens", type=counts, default=(8, 32, 120), metavar="N,N,...")
    group.add_argument("--lengths", type=_lengths, default=(2.0, 8.0, 30.0), metavar="S,S,...")
    group.add_argument("--clips", type=count, default=1_000, help="of mixed lengths: %(default)s")
    group.add_argument("--cell-seconds", type=positive, default=3.0, help="of each cell: %(default)s")


def _engine(flags: argparse.Namespace) -> Engine:
    return Engine(
        model=str(Path(flags.model).absolute()),
        prepared=None if flags.prepared is None else str(Path(flags.prepared).absolute()),
        device=flags.device,
        dtype=flags.dtype,
        gpu_memory_utilization=flags.gpu_memory_utilization,
        kv_cache_gib=flags.kv_cache_gib,
        max_model_len=flags.max_model_len,
    )


def _cells(flags: argparse.Namespace) -> Cells:
    return Cells(
        windows_s=flags.windows,
        batches=flags.batches,
        in_flight=flags.in_flight,
        new_tokens=flags.new_tokens,
        lengths_s=flags.lengths,
        clips=flags.clips,
        seconds=flags.cell_seconds,
    )


def _section(text: str) -> str:
    if text not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(SECTIONS)}")
    return text


def _lengths(text: str) -> tuple[float, ...]:
    """A segment has at most 30 s."""
    lengths_s = tuple(positive(part) for part in text.split(","))
    if max(lengths_s) > 30:
        raise argparse.ArgumentTypeError(f"{text}: no segment is longer than 30 s")
    return lengths_s
