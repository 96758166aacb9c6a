"""Loads what the engine is made of, in the order that a shared card wants."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from common.settings import Settings
from worker.card_lock import card_lock
from worker.engines.encoder_llm.alignment import CtcAligner, load_aligner
from worker.engines.encoder_llm.audio_encoder import AudioEncoder
from worker.engines.encoder_llm.audio_path import AudioPath
from worker.engines.encoder_llm.checkpoint import Checkpoint, CheckpointError, open_checkpoint, resolve_model
from worker.engines.encoder_llm.families import fun_asr_nano as family
from worker.engines.encoder_llm.graphs import EncoderRunner
from worker.engines.encoder_llm.language_model import LanguageModel, ModelSettings
from worker.engines.encoder_llm.prepare import Prepared, find_prepared
from worker.engines.encoder_llm.prompts import PromptBook
from worker.engines.encoder_llm.versions import check_versions
from worker.engines.encoder_llm.weights import Precision, load_audio_weights


@dataclass(frozen=True, slots=True)
class Parts:
    model: LanguageModel
    audio: AudioPath
    prompts: PromptBook
    aligner: CtcAligner | None


async def start_parts(settings: Settings) -> Parts:
    """Raises `CheckpointError` for a model that cannot be used, and whatever vLLM raises."""
    if settings.model is None:
        raise CheckpointError("this engine has no model of its own: give --model")
    check_versions()
    if settings.max_model_len < family.MODEL_LEN_AT_LEAST:
        raise CheckpointError(f"--max-model-len must be at least {family.MODEL_LEN_AT_LEAST} for this model")
    device = device_of(settings)
    checkpoint = open_checkpoint(resolve_model(settings.model, settings.hub))
    prepared = find_prepared(checkpoint, settings.prepared)
    # One engine after another: each looks at the memory that is free and takes its share.
    async with card_lock(str(device)) if device.type == "cuda" else nullcontext():
        model = LanguageModel(prepared.language_model, _model_settings(settings, device))
        audio = await asyncio.to_thread(_audio_parts, settings, checkpoint, prepared, device)
    return Parts(model, *audio)


def device_of(settings: Settings) -> torch.device:
    """Raises `CheckpointError` for a card that torch does not see."""
    if settings.device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(settings.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise CheckpointError(f"there is no card for --device {settings.device}")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def make_context(device: torch.device) -> None:
    """On a card: this process is its client from now on."""
    if device.type == "cuda":
        torch.zeros(1, device=device)


def dtype_of(settings: Settings, device: torch.device) -> torch.dtype:
    """bf16 where the card computes in it, else fp32; fp16 overflows in this language model."""
    capable = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if settings.dtype == "bf16" and device.type == "cuda" and not capable:
        raise CheckpointError("this card does not compute in bf16: use --dtype fp32")
    wanted = capable if settings.dtype == "auto" else settings.dtype == "bf16"
    return torch.bfloat16 if wanted else torch.float32


def _model_settings(settings: Settings, device: torch.device) -> ModelSettings:
    return ModelSettings(
        dtype="bfloat16" if dtype_of(settings, device) is torch.bfloat16 else "float32",
        max_model_len=settings.max_model_len,
        max_in_flight=family.MAX_IN_FLIGHT,
        memory_share=settings.gpu_memory_utilization,
        kv_cache_gib=settings.kv_cache_gib,
        tensor_parallel_size=settings.tensor_parallel_size,
        on_card=device.type == "cuda",
    )


def _audio_parts(
    settings: Settings, checkpoint: Checkpoint, prepared: Prepared, device: torch.device
) -> tuple[AudioPath, PromptBook, CtcAligner | None]:
    # A thread a worker: three engines with a thread for every core each are 15 times slower than this.
    torch.set_num_threads(1)
    precision = Precision(dtype_of(settings, device))
    tensors = load_file(prepared.audio, device=str(device))
    weights = load_audio_weights(checkpoint.config, tensors, checkpoint.cmvn, precision)
    runner = EncoderRunner(AudioEncoder(weights))
    runner.capture()
    room = settings.max_model_len - family.TOKENS_BESIDE_HOTWORDS
    prompts = PromptBook(prepared.language_model, precision.compute, most_tokens=room)
    if prompts.width != weights.output_width:
        raise CheckpointError(
            f"the audio adaptor gives {weights.output_width} values, the language model takes {prompts.width}"
        )
    aligner = load_aligner(checkpoint.config, tensors, checkpoint.folder, device)
    return AudioPath(runner, prompts), prompts, aligner
