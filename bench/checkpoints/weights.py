"""Random weights for every tensor of the model: its names and shapes come from FunASR's own class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import torch
from funasr.models.fun_asr_nano.model import FunASRNano

from bench.checkpoints.layout import CTC_TOKENIZER, LANGUAGE_MODEL, model_config
from bench.checkpoints.lexicon import PADDING_ID, TURN_ID
from bench.checkpoints.sizes import Sizes

_FEATURES: Final = 560
# The published initialisation of Qwen3, and FunASR's own layers keep the scale of their input.
_LANGUAGE_STD: Final = 0.02
_CALIBRATION_FRAMES: Final = 100
_CALIBRATION_CLIPS: Final = 4
_BANDS: Final = 80
State = dict[str, Any]


def model_without_storage(folder: Path, sizes: Sizes, *, ctc: bool) -> Any:
    """FunASR's model on torch's meta device; `folder` holds its layout."""
    config = model_config(sizes, ctc=ctc)
    config["llm_conf"]["init_param_path"] = str(folder / LANGUAGE_MODEL)
    config["dataset_conf"]["ctc_tokenizer_conf"]["vocab_path"] = str(folder / CTC_TOKENIZER)
    with torch.device("meta"):
        return FunASRNano(input_size=_FEATURES, **config)


def random_state(model: Any, generator: Any) -> State:
    """For every tensor of the model, fp32: norms are ones, biases zeros, the rest normal, the head tied."""
    state = {name: _random(name, tuple(shape.shape), generator) for name, shape in model.state_dict().items()}
    embedding = state["llm.model.embed_tokens.weight"]
    # No tokenizer knows a text for these ids.
    embedding[TURN_ID + 1 :] = 0
    embedding[PADDING_ID] = 0
    state["llm.lm_head.weight"] = embedding
    return state


def mean_audio_embedding(model: Any, state: State, generator: Any) -> Any:
    """What encoder and adaptor with these weights make of noise, the mean over time (language width)."""
    for part in ("audio_encoder", "audio_adaptor"):
        own = {
            name.removeprefix(f"{part}."): weight for name, weight in state.items() if name.startswith(part)
        }
        getattr(model, part).load_state_dict(own, assign=True)
        getattr(model, part).eval()
    # Like normalised speech: loudness moves all bands together, and the seven stacked frames are alike.
    loudness = torch.empty(_CALIBRATION_CLIPS, _CALIBRATION_FRAMES, 1).normal_(generator=generator)
    bands = torch.empty(_CALIBRATION_CLIPS, _CALIBRATION_FRAMES, _BANDS).normal_(generator=generator)
    features = (0.7 * loudness + 0.7 * bands).repeat(1, 1, _FEATURES // _BANDS)
    lengths = torch.tensor([_CALIBRATION_FRAMES] * _CALIBRATION_CLIPS)
    with torch.no_grad():
        embeddings, _ = model.audio_adaptor(*model.audio_encoder(features, lengths))
    # The language model only sees the first eighth.
    return embeddings[:, : _CALIBRATION_FRAMES // 8].mean((0, 1))


def _random(name: str, shape: tuple[int, ...], generator: Any) -> Any:
    if name.endswith("bias"):
        return torch.zeros(shape)
    if len(shape) == 1:
        return torch.ones(shape)
    if name == "llm.lm_head.weight":
        return torch.empty(0)
    std = _LANGUAGE_STD if name.startswith("llm.") else 1 / math.sqrt(math.prod(shape[1:]))
    return torch.empty(shape).normal_(0.0, std, generator=generator)


def save(state: State, path: Path, language_type: str) -> None:
    """No two names share storage: FunASR's split of the language model refuses shared tensors."""
    kind = getattr(torch, language_type)
    for name in [name for name in state if name.startswith("llm.")]:
        state[name] = state[name].to(kind)
    state["llm.lm_head.weight"] = state["llm.model.embed_tokens.weight"].clone()
    torch.save({"state_dict": state}, path)
