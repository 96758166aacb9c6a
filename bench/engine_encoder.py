"""The encoder alone: FunASR's forward and the worker's on the same audio, timed and compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

import torch

from bench.engine_clips import equal_clips
from bench.engine_encoder_checks import encoder_checks
from bench.engine_encoders import (
    Encoders,
    batches_of,
    eager_call,
    load_encoders,
    tf32_products,
)
from bench.engine_job import Job, Notebook
from bench.engine_record import EncoderRow
from bench.engine_settings import prepared_settings
from common.audio import Samples

_WARM_UPS: Final = 3
_RUNS_AT_LEAST: Final = 5
_RUNS_AT_MOST: Final = 200


def measure(job: Job, notebook: Notebook) -> None:
    """Raises `CannotPrepare`."""
    settings = prepared_settings(job.engine)
    # As in a worker.
    torch.set_num_threads(1)
    encoders = load_encoders(settings)
    notebook.report.facts["cuda"] = str(torch.version.cuda)
    if notebook.has_time("encoder: checks"):
        for check in encoder_checks(encoders):
            notebook.report.checks.append(check)
            notebook.save()
    for window_s in job.cells.windows_s:
        for batch in job.cells.batches:
            if notebook.has_time(f"encoder: {window_s:g} s × {batch}"):
                notebook.report.encoder.append(_row(encoders, job.cells.seconds, window_s, batch))
                notebook.save()


def _row(encoders: Encoders, cell_s: float, window_s: float, batch: int) -> EncoderRow:
    windows = equal_clips(batch, window_s)
    began = time.perf_counter()
    features = encoders.funasr.features(windows)
    features_ms = 1000 * (time.perf_counter() - began)
    features = features.on(encoders.device)
    # Each cell has several medians to make in its time.
    budget_s = cell_s / 5

    def timed(call: Callable[[], object]) -> float:
        return median_ms(call, encoders.wait, budget_s)

    with tf32_products(allowed=True):
        funasr_ms = timed(lambda: encoders.funasr.forward(features))
        worker_fp32_ms = timed(lambda: encoders.fp32.runner.run(windows, [False] * batch))
    return EncoderRow(
        window_s=window_s,
        batch=batch,
        features_ms=features_ms,
        funasr_ms=funasr_ms,
        worker_ms=timed(lambda: encoders.bf16.runner.run(windows, [False] * batch)),
        replay_ms=timed(_replay(encoders, windows)) if encoders.on_card else None,
        eager_ms=timed(eager_call(encoders.bf16.encoder, windows)),
        worker_fp32_ms=worker_fp32_ms,
    )


def _replay(encoders: Encoders, windows: Sequence[Samples]) -> Callable[[], object]:
    """The worker's own graphs for these windows, without the copies around them."""
    # The runner has no reason to hand them out but this.
    graphs = encoders.bf16.runner._graphs
    own = [graphs[batch.rows, batch.length].graph for batch in batches_of(windows)]
    return lambda: [graph.replay() for graph in own]


def median_ms(call: Callable[[], object], wait: Callable[[], None], budget_s: float) -> float:
    """Median of many runs behind a warm-up; `wait` returns once the device has done what `call` began."""
    for _ in range(_WARM_UPS):
        call()
    wait()
    times_s: list[float] = []
    end = time.perf_counter() + budget_s
    while len(times_s) < _RUNS_AT_LEAST or (time.perf_counter() < end and len(times_s) < _RUNS_AT_MOST):
        began = time.perf_counter()
        call()
        wait()
        times_s.append(time.perf_counter() - began)
    return 1000 * median(times_s)
