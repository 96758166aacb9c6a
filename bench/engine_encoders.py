"""The encoders that are measured, all with the same weights on the same device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.peers.funasr_encoder import FunasrEncoder
from common.audio import Samples
from common.settings import Settings
from worker.engines.encoder_llm.audio_encoder import AudioEncoder, _stacked
from worker.engines.encoder_llm.buckets import Batch, planned
from worker.engines.encoder_llm.checkpoint import open_checkpoint
from worker.engines.encoder_llm.families.fun_asr_nano import FRAMES_SKIPPED, audio_tokens, low_rate_frames
from worker.engines.encoder_llm.graphs import EncoderRunner
from worker.engines.encoder_llm.parts import device_of
from worker.engines.encoder_llm.prepare import find_prepared
from worker.engines.encoder_llm.rows import joined
from worker.engines.encoder_llm.weights import AudioWeights, Precision, load_audio_weights
from worker.filter_bank import FilterBank, frame_count, samples_of


class Output(NamedTuple):
    """Of one window, on the host: what the language model gets, shape (tokens, width), and the encoder's
    output before the adaptor, shape (low-rate frames, width)."""

    vectors: Tensor
    hidden: Tensor


@dataclass(frozen=True, slots=True)
class Ours:
    """The forward with its weights, and what a worker runs of it; captured on a card."""

    weights: AudioWeights
    encoder: AudioEncoder
    runner: EncoderRunner


@dataclass(frozen=True, slots=True)
class Encoders:
    device: torch.device
    funasr: FunasrEncoder
    bf16: Ours
    fp32: Ours

    @property
    def on_card(self) -> bool:
        return str(self.device.type) == "cuda"

    def wait(self) -> None:
        if self.on_card:
            torch.cuda.synchronize(self.device)


def load_encoders(settings: Settings) -> Encoders:
    """`settings` with its model prepared. The fp32 graphs are captured with TF32 products."""
    assert settings.model is not None
    device = device_of(settings)
    checkpoint = open_checkpoint(Path(settings.model))
    tensors = load_file(find_prepared(checkpoint, settings.prepared).audio, device=str(device))

    def ours(dtype: torch.dtype) -> Ours:
        weights = load_audio_weights(checkpoint.config, tensors, checkpoint.cmvn, Precision(dtype))
        encoder = AudioEncoder(weights)
        runner = EncoderRunner(encoder)
        # The filter bank is fp32 in both, and a worker's without TF32.
        with tf32_products(allowed=dtype is torch.float32):
            runner.capture()
        return Ours(weights, encoder, runner)

    funasr = FunasrEncoder(checkpoint, tensors, device)
    return Encoders(device, funasr, ours(torch.bfloat16), ours(torch.float32))


@contextmanager
def tf32_products(*, allowed: bool) -> Iterator[None]:
    """How fp32 products are computed inside; a graph keeps what it was captured with."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def batches_of(windows: Sequence[Samples]) -> list[Batch]:
    """The launches that the runner makes of them."""
    return planned([_low_rate(window) for window in windows])


def padded(windows: Sequence[Samples], batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Audio and counts of a launch as the runner pads them on a card, on the device."""
    audio = torch.zeros((batch.rows, samples_of(batch.length * FRAMES_SKIPPED)))
    counts = torch.ones(batch.rows, dtype=torch.int64)
    for row, index in enumerate(batch.indices):
        window = torch.from_numpy(windows[index])[: audio.shape[1]]
        audio[row, : len(window)] = window
        counts[row] = _frames(windows[index])
    return audio.to(device), counts.to(device)


def eager_call(encoder: AudioEncoder, windows: Sequence[Samples]) -> Callable[[], object]:
    """All launches of the windows, without graphs."""
    inputs = [padded(windows, batch, encoder.device) for batch in batches_of(windows)]
    return lambda: [encoder.encode(*one) for one in inputs]


def eager_heard(encoder: AudioEncoder, windows: Sequence[Samples]) -> list[Output]:
    """Of each window, padded as the runner pads but without graphs."""
    heard: dict[int, Output] = {}
    for batch in batches_of(windows):
        encoded = encoder.encode(*padded(windows, batch, encoder.device))
        for row, index in enumerate(batch.indices):
            low_rate = _low_rate(windows[index])
            vectors = encoded.vectors[row, : audio_tokens(low_rate)]
            heard[index] = Output(vectors.cpu(), encoded.hidden[row, :low_rate].cpu())
    return [heard[index] for index in range(len(windows))]


def worker_heard(ours: Ours, windows: Sequence[Samples]) -> list[Output]:
    """The same as a worker gets it."""
    outputs = []
    for heard in ours.runner.run(windows, [True] * len(windows)):
        assert heard.hidden is not None
        outputs.append(Output(joined([heard.rows], ours.encoder.dtype), heard.hidden))
    return outputs


def funasr_heard(funasr: FunasrEncoder, windows: Sequence[Samples], device: torch.device) -> list[Output]:
    """Each window alone."""
    outputs = []
    for window in windows:
        vectors, hidden = funasr.forward(funasr.features([window]).on(device))
        outputs.append(Output(vectors[0, : audio_tokens(hidden.shape[1])].cpu(), hidden[0].cpu()))
    return outputs


def our_features(ours: Ours, windows: Sequence[Samples]) -> list[Tensor]:
    """Stacked and normalised, shape (low-rate frames, 560) each, on the host, padded as the runner pads."""
    weights, device = ours.weights, ours.encoder.device
    bank = FilterBank(device)
    features: dict[int, Tensor] = {}
    for batch in batches_of(windows):
        audio, counts = padded(windows, batch, device)
        # The encoder has no step of its own for it.
        stacked = (_stacked(bank.of_audio(audio), counts) + weights.shift) * weights.scale
        for row, index in enumerate(batch.indices):
            features[index] = stacked[row, : _low_rate(windows[index])].cpu()
    return [features[index] for index in range(len(windows))]


def _low_rate(window: Samples) -> int:
    return low_rate_frames(_frames(window))


def _frames(window: Samples) -> int:
    return max(1, frame_count(len(window)))
