"""What a live measurement hands out: a record for each run, and the tables made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import msgspec

from bench.live_material import Loop, MaterialKind
from bench.live_measures import (
    Punctuality,
    SpeechClock,
    Spread,
    after_cap,
    after_endpoint,
    after_speech_end,
    after_stop,
    first_partial,
    gaps,
    lags,
    punctuality,
    repeated,
    spread,
    unheard,
)
from bench.live_metrics import SeriesChange
from bench.live_trace import ClientReport, Lateness
from bench.report import Cell, Table

_PARTIAL_COLUMNS: Final = (
    "streams",
    "lost",
    "open p95",
    "first p50",
    "first p95",
    "interval p50",
    "interval p95",
    "interval p99",
    "lag p50",
    "lag p95",
    "lag p99",
    "due",
    "late %",
)
_FINAL_COLUMNS: Final = (
    "streams",
    "waiting",
    "STOP p50",
    "STOP p95",
    "STOP p99",
    "STOP max",
    "endpoint p95",
    "endpoint max",
    "cap p95",
    "cap max",
    "speech end p95",
    "sentences",
)
_CLIENT_COLUMNS: Final = (
    "streams",
    "send p99",
    "send max",
    "wake p99",
    "wake max",
    "held s",
    "silent",
    "changed",
    "skipped",
    "repeated",
    "unheard max",
    "resumes",
    "resume p95",
)
_SERIES_COLUMNS: Final = ("series", "labels", "change", "count", "mean")


class Setup(msgspec.Struct, frozen=True):
    """What stays the same over the runs of one record.

    interval_ms: time between partials that lateness is judged by.
    cap_ms:      longest segment, which finals of cut segments are timed by.
    gpus:        name and driver of each; versions of what the model runs on, beside the header's.
    """

    server: str
    material: MaterialKind
    seconds: float
    ramp_s: float
    interval_ms: int
    cap_ms: int
    clients: int
    note: str
    gpus: tuple[str, ...]
    versions: dict[str, str]


class LiveRun(msgspec.Struct, frozen=True):
    """One run, times in ms.

    lost:      streams without their last final; `errors` says why, by code.
    waiting:   those of them that still waited at the deadline: in `after_stop` with the time they waited.
    silent:    streams with neither a partial nor a sentence.
    opened:    from connecting to `started`.
    interval:  between partials, in speech time.
    due, late: partials, as `bench.live_measures` defines them.
    repeated, unheard: what is in two sentences, and the longest speech of each stream that is in none.
    resumed:   from the loss of a connection to going on over another one.
    """

    streams: int
    lost: int
    waiting: int
    silent: int
    errors: dict[str, int]
    workers: dict[str, int]
    sentences: dict[str, int]
    characters: int
    changed: int
    skipped: int
    repeated: int
    unheard: Spread
    resumed: Spread
    opened: Spread
    first_partial: Spread
    interval: Spread
    lag: Spread
    due: int
    late: int
    late_share: float
    after_stop: Spread
    after_endpoint: Spread
    after_cap: Spread
    after_speech_end: Spread
    lateness: tuple[Lateness, ...]
    series: tuple[SeriesChange, ...] = ()


class LiveResult(msgspec.Struct, frozen=True):
    setup: Setup
    runs: tuple[LiveRun, ...]

    def tables(self) -> tuple[Table, ...]:
        setup = self.setup
        said = f"{setup.material} speech, {setup.seconds:g} s, started over {setup.ramp_s:g} s"
        title = " · ".join(filter(None, [f"{setup.server}: partials, ms", said, setup.note]))
        return (
            Table(title, _PARTIAL_COLUMNS, tuple(_partial_row(run) for run in self.runs)),
            Table(
                f"{setup.server}: finals, ms after ...",
                _FINAL_COLUMNS,
                tuple(_final_row(run) for run in self.runs),
            ),
            Table("the client itself, ms", _CLIENT_COLUMNS, tuple(_client_row(run) for run in self.runs)),
            *(_series_table(run) for run in self.runs if run.series),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What traces are measured by."""

    loop: Loop
    seconds: float
    interval_ms: int
    cap_ms: int


def measured(
    reports: Sequence[ClientReport], judgement: Judgement, series: tuple[SeriesChange, ...]
) -> LiveRun:
    traces = [trace for report in reports for trace in report.traces]
    heard = [judgement.loop.stretches(trace.plan.offset, judgement.seconds) for trace in traces]
    clocks = list(map(SpeechClock, heard))
    each = list(zip(traces, clocks, strict=True))
    judged = sum((punctuality(*pair, judgement.interval_ms / 1000) for pair in each), Punctuality())
    return LiveRun(
        streams=len(traces),
        lost=sum(trace.ending.error is not None for trace in traces),
        waiting=sum(trace.ending.waiting for trace in traces),
        silent=sum(not trace.partials and not trace.locked for trace in traces),
        errors=_counted(trace.ending.error for trace in traces),
        workers=_counted(trace.worker for trace in traces),
        sentences=_counted(sentence.reason or "unnamed" for trace in traces for sentence in trace.locked),
        characters=sum(sentence.characters for trace in traces for sentence in trace.locked),
        changed=sum(trace.changed for trace in traces),
        skipped=sum(trace.skipped for trace in traces),
        repeated=sum(map(repeated, traces)),
        unheard=spread(_known(unheard(*pair) for pair in each)),
        resumed=spread(chain.from_iterable(trace.resumed_s for trace in traces)),
        opened=spread(_known(trace.opened_s for trace in traces)),
        first_partial=spread(_known(first_partial(*pair) for pair in zip(traces, heard, strict=True))),
        interval=spread(chain.from_iterable(gaps(*pair) for pair in each)),
        lag=spread(chain.from_iterable(lags(*pair) for pair in each)),
        due=judged.due,
        late=judged.late,
        late_share=judged.late / judged.due if judged.due else 0.0,
        after_stop=spread(_known(map(after_stop, traces))),
        after_endpoint=spread(chain.from_iterable(map(after_endpoint, traces))),
        after_cap=spread(chain.from_iterable(after_cap(trace, judgement.cap_ms / 1000) for trace in traces)),
        after_speech_end=spread(chain.from_iterable(map(after_speech_end, traces))),
        lateness=tuple(report.lateness for report in reports),
        series=series,
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name).most_common())


def _partial_row(run: LiveRun) -> tuple[Cell, ...]:
    first, interval, lag = run.first_partial, run.interval, run.lag
    return (
        run.streams,
        run.lost,
        run.opened.p95,
        *(first.p50, first.p95),
        *(interval.p50, interval.p95, interval.p99),
        *(lag.p50, lag.p95, lag.p99),
        run.due,
        100 * run.late_share,
    )


def _final_row(run: LiveRun) -> tuple[Cell, ...]:
    stop = run.after_stop
    return (
        run.streams,
        run.waiting,
        *(stop.p50, stop.p95, stop.p99, stop.max),
        *(run.after_endpoint.p95, run.after_endpoint.max),
        *(run.after_cap.p95, run.after_cap.max),
        run.after_speech_end.p95,
        sum(run.sentences.values()),
    )


def _client_row(run: LiveRun) -> tuple[Cell, ...]:
    """The worst process counts."""
    return (
        run.streams,
        max(late.send_p99_ms for late in run.lateness),
        max(late.send_max_ms for late in run.lateness),
        max(late.wake_p99_ms for late in run.lateness),
        max(late.wake_max_ms for late in run.lateness),
        max(late.held_s for late in run.lateness),
        run.silent,
        run.changed,
        run.skipped,
        run.repeated,
        run.unheard.max,
        run.resumed.count,
        run.resumed.p95,
    )


def _series_table(run: LiveRun) -> Table:
    rows = tuple((s.name, s.labels, s.change, s.count, s.mean) for s in run.series)
    return Table(f"the server's own account, {run.streams} streams", _SERIES_COLUMNS, rows)
