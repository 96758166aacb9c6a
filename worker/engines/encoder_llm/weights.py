"""FunASR's audio modules as plain tensors, in the precision they run in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from worker.engines.encoder_llm.checkpoint import CheckpointError
from worker.engines.encoder_llm.families.fun_asr_nano import FRAMES_SKIPPED, FRAMES_STACKED
from worker.filter_bank import BANDS


@dataclass(frozen=True, slots=True)
class Precision:
    """`compute` is that of matrix products; between layers everything is fp32. A bf16 residual stream over
    these 72 layers ends 2 % off, an fp32 one under bf16 products 0.8 %."""

    compute: torch.dtype

    def norm(self, module: Any) -> Norm:
        return Norm(module.weight.float(), module.bias.float(), module.eps)

    def linear(self, *modules: Any) -> Linear:
        """Several modules that read the same input are one product."""
        weight = torch.cat([module.weight for module in modules])
        bias = torch.cat([module.bias for module in modules])
        return Linear(weight.to(self.compute), bias.to(self.compute))


@dataclass(frozen=True, slots=True)
class Norm:
    weight: Tensor
    bias: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class Linear:
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class Layer:
    """A Transformer layer with its norms in front. `taps`, shape (taps, width), fp32: the filter over the
    values that SANM layers add to their attention."""

    norm1: Norm
    qkv: Linear
    taps: Tensor | None
    out: Linear
    norm2: Norm
    widen: Linear
    narrow: Linear
    heads: int
    residual: bool
    """The first layer, which changes the width, has none around its attention."""


@dataclass(frozen=True, slots=True)
class AudioWeights:
    shift: Tensor
    scale: Tensor
    """Added to and multiplied with stacked features (mean and variance normalisation), shape (560,)."""
    encoder: tuple[Layer, ...]
    encoder_norm: Norm
    temporal: tuple[Layer, ...]
    temporal_norm: Norm
    project: tuple[Linear, Linear]
    adaptor: tuple[Layer, ...]
    width: int
    output_width: int


def load_audio_weights(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], cmvn_file: Path | None, precision: Precision
) -> AudioWeights:
    """`tensors` by their names in the checkpoint, on the device where they are to be used.

    Raises `CheckpointError` if they and the configuration do not fit, or are of another layout.
    """
    _check_frontend(config)
    device = next(iter(tensors.values())).device
    encoder = _filled(_new_encoder(config), tensors, "audio_encoder.", device)
    adaptor = _filled(_new_adaptor(config, encoder.output_size()), tensors, "audio_adaptor.", device)
    shift, scale = _normalisation(cmvn_file, device)
    layers = (*encoder.encoders0, *encoder.encoders)
    return AudioWeights(
        shift,
        scale,
        tuple(_sanm(layer, precision) for layer in layers),
        precision.norm(encoder.after_norm),
        tuple(_sanm(layer, precision) for layer in encoder.tp_encoders),
        precision.norm(encoder.tp_norm),
        (precision.linear(adaptor.linear1), precision.linear(adaptor.linear2)),
        tuple(_plain(layer, precision) for layer in adaptor.blocks or ()),
        encoder.output_size(),
        adaptor.llm_dim,
    )


def _check_frontend(config: Mapping[str, Any]) -> None:
    front = config.get("frontend_conf", {})
    found = (
        front.get("fs"),
        front.get("n_mels"),
        front.get("lfr_m"),
        front.get("lfr_n"),
        front.get("window"),
    )
    if found != (16_000, BANDS, FRAMES_STACKED, FRAMES_SKIPPED, "hamming"):
        raise CheckpointError(f"frontend_conf of config.yaml is of another layout: {found}")
    adaptor = config.get("audio_adaptor_conf", {})
    if adaptor.get("downsample_rate", 2) != 1 or not adaptor.get("use_low_frame_rate", False):
        raise CheckpointError(
            "audio_adaptor_conf of config.yaml needs downsample_rate 1 and use_low_frame_rate"
        )


def _new_encoder(config: Mapping[str, Any]) -> Any:
    from funasr.models.sense_voice.model import SenseVoiceEncoderSmall  # noqa: PLC0415

    return SenseVoiceEncoderSmall(input_size=BANDS * FRAMES_STACKED, **config["audio_encoder_conf"])


def _new_adaptor(config: Mapping[str, Any], encoder_width: int) -> Any:
    from funasr.models.llm_asr.adaptor import Transformer  # noqa: PLC0415

    return Transformer(**{**config["audio_adaptor_conf"], "encoder_dim": encoder_width})


def _filled(module: Any, tensors: Mapping[str, Tensor], prefix: str, device: torch.device) -> Any:
    own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    try:
        module.load_state_dict(own, strict=True)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(
            f"the weights of {prefix.rstrip('.')} do not fit config.yaml: {first}"
        ) from error
    return module.to(device).requires_grad_(requires_grad=False)


def _normalisation(file: Path | None, device: torch.device) -> tuple[Tensor, Tensor]:
    if file is None:
        width = BANDS * FRAMES_STACKED
        return torch.zeros(width, device=device), torch.ones(width, device=device)
    from funasr.frontends.wav_frontend import load_cmvn  # noqa: PLC0415

    shift, scale = load_cmvn(str(file)).to(device)
    return shift, scale


def _sanm(module: Any, precision: Precision) -> Layer:
    attention = module.self_attn
    return Layer(
        precision.norm(module.norm1),
        precision.linear(attention.linear_q_k_v),
        attention.fsmn_block.weight[:, 0].t().float().contiguous(),
        precision.linear(attention.linear_out),
        precision.norm(module.norm2),
        precision.linear(module.feed_forward.w_1),
        precision.linear(module.feed_forward.w_2),
        attention.h,
        residual=module.in_size == module.size,
    )


def _plain(module: Any, precision: Precision) -> Layer:
    attention = module.self_attn
    return Layer(
        precision.norm(module.norm1),
        precision.linear(attention.linear_q, attention.linear_k, attention.linear_v),
        None,
        precision.linear(attention.linear_out),
        precision.norm(module.norm2),
        precision.linear(module.feed_forward.w_1),
        precision.linear(module.feed_forward.w_2),
        attention.h,
        residual=True,
    )
