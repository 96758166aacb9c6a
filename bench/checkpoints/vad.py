"""FSMN-VAD in FunASR's layout whose weights make it an energy detector: the same answer on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
import yaml
from funasr.models.fsmn_vad_streaming.encoder import FSMN

from bench.checkpoints.layout import MEAN_AND_VARIANCE, write_transform

VAD_NAME: Final = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
_FEATURES: Final = 400
# Mean log energy of a band where speech begins, for samples of 16 bits.
_THRESHOLD: Final = 12.0

_ENCODER: Final[dict[str, int]] = {
    "input_dim": _FEATURES,
    "input_affine_dim": 4,
    "fsmn_layers": 1,
    "linear_dim": 4,
    "proj_dim": 4,
    "lorder": 2,
    "rorder": 0,
    "lstride": 1,
    "rstride": 0,
    "output_affine_dim": 4,
    "output_dim": 2,
}
_CONFIG: Final[dict[str, Any]] = {
    "frontend": "WavFrontendOnline",
    "frontend_conf": {
        "fs": 16000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "dither": 0.0,
        "lfr_m": 5,
        "lfr_n": 1,
    },
    "model": "FsmnVADStreaming",
    "model_conf": {
        "sample_rate": 16000,
        "detect_mode": 1,
        "snr_mode": 0,
        "max_end_silence_time": 800,
        "max_start_silence_time": 3000,
        "do_start_point_detection": True,
        "do_end_point_detection": True,
        "window_size_ms": 200,
        "sil_to_speech_time_thres": 150,
        "speech_to_sil_time_thres": 150,
        "speech_2_noise_ratio": 1.0,
        "do_extend": 1,
        "lookback_time_start_point": 200,
        "lookahead_time_end_point": 100,
        "max_single_segment_time": 60000,
        "snr_thres": -100.0,
        "noise_frame_num_used_for_snr": 100,
        "decibel_thres": -100.0,
        "speech_noise_thres": 0.6,
        "fe_prior_thres": 0.0001,
        "silence_pdf_num": 1,
        "sil_pdf_ids": [0],
        "speech_noise_thresh_low": -0.1,
        "speech_noise_thresh_high": 0.3,
        "output_frame_probs": False,
        "frame_in_ms": 10,
        "frame_length_ms": 25,
    },
    "encoder": "FSMN",
    "encoder_conf": _ENCODER,
}
_WEIGHTS: Final[tuple[tuple[str, tuple[int, ...], float], ...]] = (
    ("in_linear2.linear.weight", (0, 0), 1.0),
    ("in_linear2.linear.bias", (0,), -_THRESHOLD),
    ("fsmn.0.linear.linear.weight", (0, 0), 1.0),
    ("fsmn.0.affine.linear.weight", (0, 0), 1.0),
    ("out_linear1.linear.weight", (0, 0), 1.0),
    ("out_linear2.linear.weight", (1, 0), 8.0),
    ("out_linear2.linear.bias", (0,), 4.0),
)
"""One path of ones; class 0 is silence."""


def build_fsmn_vad(folder: Path) -> Path:
    """Writes `folder/iic/...`, where FunASR's servers look for their VAD when they run in `folder`.

    Noise of amplitude 0.1 is speech, of 1e-4 silence.
    """
    home = folder / VAD_NAME
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.yaml").write_text(yaml.safe_dump(_CONFIG, sort_keys=False), encoding="utf-8")
    write_transform(home / MEAN_AND_VARIANCE, [0.0] * _FEATURES, [1.0] * _FEATURES, size=_FEATURES)
    torch.save(_state(), home / "model.pt")
    return home


def _state() -> dict[str, Any]:
    shapes = FSMN(**_ENCODER).state_dict()
    state = {f"encoder.{name}": torch.zeros_like(weight) for name, weight in shapes.items()}
    state["encoder.in_linear1.linear.weight"][0, :] = 1 / _FEATURES
    for name, place, value in _WEIGHTS:
        state[f"encoder.{name}"][place] = value
    return state
