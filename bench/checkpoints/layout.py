"""The files of a Fun-ASR-Nano checkpoint beside `model.pt`, as published."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from bench.checkpoints.lexicon import END_ID, PADDING_ID, write_ctc_tokenizer, write_language_tokenizer
from bench.checkpoints.sizes import Sizes

LANGUAGE_MODEL: Final = "Qwen3-0.6B"
CTC_TOKENIZER: Final = "multilingual.tiktoken"
MEAN_AND_VARIANCE: Final = "am.mvn"
_MELS: Final = 80
_STACKED: Final = 7
_POSITIONS: Final = 40_960

Config = dict[str, Any]


def write_layout(folder: Path, sizes: Sizes, *, ctc: bool) -> None:
    """Everything but the weights."""
    (folder / LANGUAGE_MODEL).mkdir(parents=True, exist_ok=True)
    write_language_tokenizer(folder / LANGUAGE_MODEL)
    _write_json(folder / LANGUAGE_MODEL / "config.json", _language_config(sizes))
    _write_json(
        folder / LANGUAGE_MODEL / "generation_config.json",
        {"eos_token_id": END_ID, "pad_token_id": PADDING_ID, "do_sample": False},
    )
    write_ctc_tokenizer(folder / CTC_TOKENIZER)
    write_mean_and_variance(folder / MEAN_AND_VARIANCE)
    with (folder / "config.yaml").open("w", encoding="utf-8") as config:
        yaml.safe_dump(model_config(sizes, ctc=ctc), config, sort_keys=False)
    _write_json(folder / "configuration.json", _configuration())


def model_config(sizes: Sizes, *, ctc: bool) -> Config:
    """What `config.yaml` holds; its paths are relative to the checkpoint."""
    config: Config = {
        "model": "FunASRNano",
        "model_conf": {"lsm_weight": 0.1, "length_normalized_loss": True},
        "audio_encoder": "SenseVoiceEncoderSmall",
        "audio_encoder_conf": _encoder_config(sizes),
        "llm": "Qwen3-0.6b",
        "llm_conf": {
            "hub": "hf",
            "freeze": True,
            "llm_dtype": "fp32",
            "init_param_path": LANGUAGE_MODEL,
            "use_lora": False,
        },
        "audio_adaptor": "Transformer",
        "audio_adaptor_conf": {
            **_adaptor_config(sizes, sizes.language.width),
            "n_layer": sizes.adaptor.layers,
            "use_low_frame_rate": True,
            "freeze": True,
        },
        "frontend": "WavFrontend",
        "frontend_conf": {
            "fs": 16000,
            "window": "hamming",
            "n_mels": _MELS,
            "frame_length": 25,
            "frame_shift": 10,
            "lfr_m": _STACKED,
            "lfr_n": 6,
            "dither": 0.0,
            "cmvn_file": MEAN_AND_VARIANCE,
        },
        "tokenizer": "HuggingfaceTokenizer",
        "tokenizer_conf": {"init_param_path": LANGUAGE_MODEL},
        "dataset_conf": {
            "ctc_tokenizer": "SenseVoiceTokenizer",
            "ctc_tokenizer_conf": {
                "vocab_path": CTC_TOKENIZER,
                "is_multilingual": True,
                "num_languages": 8749,
            },
            "sys_prompt": True,
            "do_think": True,
        },
    }
    return config | _ctc_config(sizes) if ctc else config


def write_mean_and_variance(path: Path) -> None:
    """Shifts and scales like those of speech: a log energy of 8 to 13 that falls towards high bands."""
    bands = [band / (_MELS - 1) for band in range(_MELS)] * _STACKED
    shifts = (-(9.0 + 4.0 * math.sin(math.pi * (0.15 + 0.7 * band))) for band in bands)
    scales = (0.16 + 0.03 * band for band in bands)
    write_transform(path, shifts, scales, size=_MELS * _STACKED)


def write_transform(path: Path, shifts: Iterable[float], scales: Iterable[float], *, size: int) -> None:
    """Kaldi's text form of `(feature + shift) * scale`."""

    def row(values: Iterable[float]) -> str:
        return f"<LearnRateCoef> 0 [ {' '.join(f'{value:.6f}' for value in values)} ]"

    lines = (
        "<Nnet>",
        f"<Splice> {size} {size}",
        "[ 0 ]",
        f"<AddShift> {size} {size}",
        row(shifts),
        f"<Rescale> {size} {size}",
        row(scales),
        "</Nnet>",
    )
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _encoder_config(sizes: Sizes) -> Config:
    encoder = sizes.encoder
    return {
        "output_size": encoder.width,
        "attention_heads": encoder.heads,
        "linear_units": encoder.ffn,
        "num_blocks": encoder.blocks,
        "tp_blocks": encoder.tail_blocks,
        "dropout_rate": 0.0,
        "positional_dropout_rate": 0.0,
        "attention_dropout_rate": 0.0,
        "input_layer": "pe",
        "pos_enc_class": "SinusoidalPositionEncoder",
        "normalize_before": True,
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
        "freeze": True,
    }


def _adaptor_config(sizes: Sizes, width: int) -> Config:
    return {
        "downsample_rate": 1,
        "ffn_dim": sizes.adaptor.ffn,
        "llm_dim": width,
        "encoder_dim": sizes.encoder.width,
        "attention_heads": sizes.adaptor.heads,
    }


def _ctc_config(sizes: Sizes) -> Config:
    return {
        "ctc_decoder": "Transformer",
        "ctc_decoder_conf": {**_adaptor_config(sizes, sizes.encoder.width), "n_layer": 5, "freeze": False},
        "ctc_weight": 1.0,
        "ctc_vocab_size": sizes.ctc_vocabulary,
        "ctc_conf": {"dropout_rate": 0.0, "reduce": True},
    }


def _language_config(sizes: Sizes) -> Config:
    language = sizes.language
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_act": "silu",
        "hidden_size": language.width,
        "intermediate_size": language.ffn,
        "num_hidden_layers": language.layers,
        "num_attention_heads": language.heads,
        "num_key_value_heads": language.kv_heads,
        "head_dim": language.head_size,
        "vocab_size": language.vocabulary,
        "max_position_embeddings": _POSITIONS,
        "rope_theta": 1_000_000,
        "rope_scaling": None,
        "rms_norm_eps": 1e-6,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": PADDING_ID,
        "eos_token_id": END_ID,
        "pad_token_id": PADDING_ID,
    }


def _configuration() -> Config:
    return {
        "framework": "pytorch",
        "task": "auto-speech-recognition",
        "model": {"type": "funasr"},
        "pipeline": {"type": "funasr-pipeline"},
        "model_name_in_hub": {"ms": "", "hf": ""},
        "file_path_metas": {
            "init_param": "model.pt",
            "config": "config.yaml",
            "tokenizer_conf": {"init_param_path": LANGUAGE_MODEL},
            "llm_conf": {"init_param_path": LANGUAGE_MODEL},
            "frontend_conf": {"cmvn_file": MEAN_AND_VARIANCE},
            "dataset_conf": {"ctc_tokenizer_conf": {"vocab_path": CTC_TOKENIZER}},
        },
    }


def _write_json(path: Path, content: Config) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
