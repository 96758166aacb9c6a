"""The encoder captured in CUDA graphs, one for every bucket; without a card it runs as it is.

Launching its 1,400 kernels one by one takes 20 ms of one core whatever the batch; replaying them takes one
call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from common.audio import Samples
from worker.engines.encoder_llm.audio_encoder import AudioEncoder, Encoded
from worker.engines.encoder_llm.buckets import Batch, captured_sizes, planned
from worker.engines.encoder_llm.families.fun_asr_nano import FRAMES_SKIPPED, audio_tokens, low_rate_frames
from worker.engines.encoder_llm.rows import Rows, rows_of
from worker.filter_bank import FRAME_SAMPLES, frame_count, samples_of

log = logging.getLogger(__name__)

_WARM_UP_RUNS = 2


class Heard(NamedTuple):
    """Of one window: rows for the language model, shape (tokens, width), to be copied, and what the CTC head
    reads, shape (low-rate frames, width), None unless it was asked for."""

    rows: Rows
    hidden: Tensor | None


class EncoderRunner:
    """Encodes a list of windows in as few launches as pay. For one thread only."""

    def __init__(self, encoder: AudioEncoder) -> None:
        self._encoder = encoder
        self._graphs: dict[tuple[int, int], _Graph] = {}
        self._on_card = encoder.device.type == "cuda"
        self._stream = torch.cuda.Stream(encoder.device) if self._on_card else None

    @property
    def device(self) -> torch.device:
        return self._encoder.device

    def capture(self) -> None:
        """Capture every bucket; takes seconds. Does nothing without a card."""
        if self._stream is None:
            return
        began = time.perf_counter()
        pool = torch.cuda.graph_pool_handle()
        for rows, length in captured_sizes():
            self._graphs[rows, length] = _captured(self._encoder, rows, length, pool, self._stream)
        torch.cuda.synchronize(self._encoder.device)
        log.info("encoder captured", extra={"graphs": len(self._graphs), "s": time.perf_counter() - began})

    def run(self, windows: Sequence[Samples], with_hidden: Sequence[bool]) -> list[Heard]:
        """Windows of audio in any mix of lengths; the result for one does not depend on the others."""
        counts = [max(1, frame_count(len(window))) for window in windows]
        low_rates = [low_rate_frames(count) for count in counts]
        launched = [
            (batch, self._launch(windows, counts, batch, any(with_hidden))) for batch in planned(low_rates)
        ]
        if self._stream is not None:
            self._stream.synchronize()
        heard: dict[int, Heard] = {}
        for batch, encoded in launched:
            rows = rows_of(encoded.vectors)
            for row, index in enumerate(batch.indices):
                hidden = encoded.hidden[row, : low_rates[index]].clone() if with_hidden[index] else None
                heard[index] = Heard(rows[row, : audio_tokens(low_rates[index])], hidden)
        return [heard[index] for index in range(len(windows))]

    def _launch(
        self, windows: Sequence[Samples], counts: Sequence[int], batch: Batch, with_hidden: bool
    ) -> Encoded:
        """Results are there once the stream is synchronised."""
        low_rate = batch.length if self._on_card else low_rate_frames(max(counts[i] for i in batch.indices))
        rows = batch.rows if self._on_card else len(batch.indices)
        audio = torch.empty((rows, samples_of(low_rate * FRAMES_SKIPPED)), pin_memory=self._on_card)
        own = torch.ones(rows, dtype=torch.int64, pin_memory=self._on_card)
        # By NumPy, which keeps the interpreter lock over these short copies; torch would give it away, and
        # wait for it, with each.
        staged, numbers = audio.numpy(), own.numpy()
        for row, index in enumerate(batch.indices):
            window = windows[index][: staged.shape[1]]
            staged[row, : len(window)] = window
            staged[row, len(window) : FRAME_SAMPLES] = 0.0
            numbers[row] = counts[index]
        if self._stream is None:
            return self._encoder.encode(audio, own)
        with torch.cuda.stream(self._stream):
            encoded = self._graphs[rows, low_rate].replay(audio, own, with_hidden)
        return encoded


@dataclass(slots=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    audio: Tensor
    counts: Tensor
    encoded: Encoded

    def replay(self, audio: Tensor, counts: Tensor, with_hidden: bool) -> Encoded:
        """From and to pinned memory, in the current stream."""
        self.audio.copy_(audio, non_blocking=True)
        self.counts.copy_(counts, non_blocking=True)
        self.graph.replay()
        hidden = self.encoded.hidden if with_hidden else self.encoded.hidden[:0]
        return Encoded(_to_host(self.encoded.vectors), _to_host(hidden))


def _captured(
    encoder: AudioEncoder, rows: int, length: int, pool: tuple[int, int], stream: torch.cuda.Stream
) -> _Graph:
    audio = torch.zeros((rows, samples_of(length * FRAMES_SKIPPED)), device=encoder.device)
    counts = torch.ones(rows, dtype=torch.int64, device=encoder.device)
    stream.wait_stream(torch.cuda.current_stream(encoder.device))
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_RUNS):
            encoder.encode(audio, counts)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        encoded = encoder.encode(audio, counts)
    return _Graph(graph, audio, counts, encoded)


def _to_host(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
