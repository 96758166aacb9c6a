"""What a measuring process of the engine bench is told, and what it tells."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from bench.engine_record import Check, EncoderRow, ModelRow, WholeRow


class Cells(msgspec.Struct, frozen=True):
    """Which sizes are measured.

    windows_s, batches:    of the encoder, each with each.
    in_flight, new_tokens: of the language model, each with each.
    lengths_s, in_flight:  of the whole engine, each with each; before them `clips` clips of mixed lengths.
    seconds:               of each cell that is measured by time.
    """

    windows_s: tuple[float, ...]
    batches: tuple[int, ...]
    in_flight: tuple[int, ...]
    new_tokens: tuple[int, ...]
    lengths_s: tuple[float, ...]
    clips: int
    seconds: float


class Engine(msgspec.Struct, frozen=True):
    """Settings of the engine, by the names that the worker's have."""

    model: str
    prepared: str | None
    device: str
    dtype: Literal["auto", "bf16", "fp32"]
    gpu_memory_utilization: float
    kv_cache_gib: float
    max_model_len: int


class Job(msgspec.Struct, frozen=True):
    """`deadline` by the monotonic clock: nothing is begun after it. `peer_memory` is FunASR's share of the
    card."""

    sections: tuple[str, ...]
    engine: Engine
    cells: Cells
    deadline: float
    peer_memory: float


class Report(msgspec.Struct):
    """Rows in the order in which they were measured. `facts`: versions that only the process itself knows."""

    facts: dict[str, str] = {}
    encoder: list[EncoderRow] = []
    checks: list[Check] = []
    model: list[ModelRow] = []
    whole: list[WholeRow] = []
    left_out: list[str] = []

    @classmethod
    def read(cls, path: Path) -> Report:
        """An empty one if the process came to write none."""
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else cls()

    def extend(self, other: Report) -> None:
        self.facts.update(other.facts)
        self.encoder += other.encoder
        self.checks += other.checks
        self.model += other.model
        self.whole += other.whole
        self.left_out += other.left_out


class Notebook:
    """Rows as they are measured, kept in a file after each: what a killed process measured is not lost."""

    def __init__(self, path: Path, deadline: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._deadline = deadline
        self._clock = clock
        self.report = Report()

    def has_time(self, cell: str) -> bool:
        """Whether to begin `cell`, which is said on stderr; one that is left out is noted."""
        left_s = self._deadline - self._clock()
        if left_s > 0:
            print(f"{cell} ({left_s:.0f} s left)", file=sys.stderr, flush=True)
            return True
        self.report.left_out.append(cell)
        self.save()
        return False

    def save(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self.report))
        os.replace(fresh, self._path)
