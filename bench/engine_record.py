"""What the engine bench hands out: records of figures and the tables made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from bench.report import Cell, Table

PEER: Final = "funasr"
MIXED: Final = "mixed"
"""Clips of 2 to 20 s, as both engines get them."""

_ENCODER_TITLE: Final = "encoder, ours with features"
_ENCODER_COLUMNS: Final = (
    "window s",
    "batch",
    "features ms",
    "funasr fp32 ms",
    "worker bf16 ms",
    "replay ms",
    "eager bf16 ms",
    "worker fp32 ms",
    "funasr audio s/s",
    "worker audio s/s",
    "worker ×",
    "replay ×",
)
_CHECK_COLUMNS: Final = ("check", "value", "limit", "ok", "centred")
_MODEL_COLUMNS: Final = ("new tokens", "in flight", "requests", "req/s", "p50 ms", "p95 ms", "ms per token")
_WHOLE_COLUMNS: Final = (
    "engine",
    "clips",
    "in flight",
    "requests",
    "audio s",
    "wall s",
    "audio s/s",
    "req/s",
    "RTFx",
    "p50 ms",
    "p95 ms",
    "tokens/s",
    "empty",
    "enc. batch",
    "encode ms",
    "generate ms",
    "× funasr",
)


class EncoderRow(msgspec.Struct, frozen=True):
    """Median times for one batch, in ms: of ours from audio to vectors, of FunASR's from features, so that
    the ratios favour FunASR.

    features:    FunASR's frontend on the host, one thread, once; in none of the others.
    funasr:      its modules, eager, fp32 with TF32 products; stacked features are on the card already.
    worker:      what a worker does in bf16: copies from and to pinned memory, features, stacking, graph.
    replay:      its graph alone, features included; None without a card.
    eager:       the same forward in bf16 without a graph, features included, audio on the card.
    worker_fp32: as `worker`, in fp32 with TF32 products.
    """

    window_s: float
    batch: int
    features_ms: float
    funasr_ms: float
    worker_ms: float
    replay_ms: float | None
    eager_ms: float
    worker_fp32_ms: float

    def cells(self) -> tuple[Cell, ...]:
        audio_s = self.window_s * self.batch
        return (
            self.window_s,
            self.batch,
            self.features_ms,
            self.funasr_ms,
            self.worker_ms,
            self.replay_ms,
            self.eager_ms,
            self.worker_fp32_ms,
            round(1000 * audio_s / self.funasr_ms),
            round(1000 * audio_s / self.worker_ms),
            ratio(self.funasr_ms, self.worker_ms),
            ratio(self.funasr_ms, self.replay_ms),
        )


class Check(msgspec.Struct, frozen=True):
    """`value` has to be at most `limit`. `centred`: the same error, but relative to how far rows are from
    their mean: what all rows have in common, as those of built checkpoints have, makes errors look small."""

    name: str
    value: float
    limit: float
    centred: float | None = None

    @property
    def holds(self) -> bool:
        return self.value <= self.limit

    def cells(self) -> tuple[Cell, ...]:
        centred = None if self.centred is None else f"{self.centred:.2e}"
        return (self.name, f"{self.value:.2e}", f"{self.limit:.0e}", self.holds, centred)


class ModelRow(msgspec.Struct, frozen=True):
    """The language model alone; `requests` were asked in `wall_s` with `in_flight` at once."""

    new_tokens: int
    in_flight: int
    requests: int
    wall_s: float
    p50_ms: float
    p95_ms: float

    def cells(self) -> tuple[Cell, ...]:
        return (
            self.new_tokens,
            self.in_flight,
            self.requests,
            self.requests / self.wall_s,
            self.p50_ms,
            self.p95_ms,
            self.p50_ms / self.new_tokens,
        )


class WholeRow(msgspec.Struct, frozen=True):
    """Audio to text. FunASR answers all at once and does not tell where its time went: None.

    clips:         length of each in seconds, or `MIXED`.
    busy_s:        compute time, which RTFx is measured by; FunASR's is the whole.
    tokens:        of the texts, within one for each clip.
    empty:         clips without text.
    encoder_batch: mean.
    encode_ms, generate_ms: mean of a request, waiting included.
    """

    engine: str
    clips: str
    in_flight: int | None
    requests: int
    audio_s: float
    wall_s: float
    busy_s: float
    tokens: int
    empty: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    encoder_batch: float | None = None
    encode_ms: float | None = None
    generate_ms: float | None = None

    @property
    def audio_rate(self) -> float:
        return self.audio_s / self.wall_s

    def cells(self, times_peer: float | None) -> tuple[Cell, ...]:
        return (
            self.engine,
            self.clips,
            self.in_flight,
            self.requests,
            round(self.audio_s),
            f"{self.wall_s:.2f}",
            round(self.audio_rate),
            f"{self.requests / self.wall_s:.1f}",
            round(self.audio_s / self.busy_s),
            *map(_whole_ms, (self.p50_ms, self.p95_ms)),
            f"{self.tokens / self.audio_s:.2f}",
            self.empty,
            None if self.encoder_batch is None else f"{self.encoder_batch:.1f}",
            *map(_whole_ms, (self.encode_ms, self.generate_ms)),
            times_peer,
        )


class Setup(msgspec.Struct, frozen=True):
    """`gpus`: name and driver of each; `versions`: of what the model runs on, beside the header's."""

    model: str
    note: str
    gpus: tuple[str, ...]
    versions: dict[str, str]


class EngineResult(msgspec.Struct, frozen=True):
    """`left_out`: cells for which there was no time, and sections that failed."""

    setup: Setup
    encoder: tuple[EncoderRow, ...]
    checks: tuple[Check, ...]
    model: tuple[ModelRow, ...]
    whole: tuple[WholeRow, ...]
    left_out: tuple[str, ...]

    def tables(self) -> tuple[Table, ...]:
        """Only those that have rows."""
        said = " · ".join(filter(None, (*self.setup.gpus, self.setup.note)))
        tables = (
            Table(f"{_ENCODER_TITLE} · {said}", _ENCODER_COLUMNS, tuple(row.cells() for row in self.encoder)),
            Table(f"encoder's output · {said}", _CHECK_COLUMNS, tuple(row.cells() for row in self.checks)),
            Table(f"language model · {said}", _MODEL_COLUMNS, tuple(row.cells() for row in self.model)),
            Table(f"whole engine · {said}", _WHOLE_COLUMNS, tuple(self._whole_rows())),
            Table("left out", ("what",), tuple((what,) for what in self.left_out)),
        )
        return tuple(table for table in tables if table.rows)

    def _whole_rows(self) -> Iterator[tuple[Cell, ...]]:
        peers = {row.clips: row.audio_rate for row in self.whole if row.engine == PEER}
        for row in self.whole:
            yield row.cells(ratio(row.audio_rate, peers.get(row.clips)))


def ratio(one: float, other: float | None) -> float | None:
    return round(one / other, 2) if other else None


def quantile_ms(values_s: Sequence[float], share: float) -> float:
    """Nearest rank of values in seconds, in milliseconds."""
    ordered = sorted(values_s)
    return 1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _whole_ms(value_ms: float | None) -> int | None:
    return None if value_ms is None else round(value_ms)
