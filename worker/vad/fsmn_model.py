"""FunASR's FSMN-VAD as it is published: a folder with config.yaml, model.pt and am.mvn."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml
from funasr.frontends.wav_frontend import load_cmvn
from funasr.models.fsmn_vad_streaming.model import FsmnVADStreaming

from common.audio import SAMPLE_RATE
from worker.filter_bank import BANDS
from worker.vad.fsmn_frontend import FEATURES, STACK, Array

HUB_ID: Final = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
"""Where the published model is, at ModelScope."""

# The only front end that worker/vad/fsmn_frontend.py computes.
_FRONTEND: Final = {
    "fs": SAMPLE_RATE,
    "window": "hamming",
    "n_mels": BANDS,
    "frame_length": 25,
    "frame_shift": 10,
    "lfr_m": STACK,
    "lfr_n": 1,
    "dither": 0.0,
}
# FunASR's frames are louder than that in any case; a model with higher thresholds would need the loudness.
_QUIETEST_DECIBEL: Final = -60.0
_LEAST_SNR: Final = -85.0


class BadVadModel(Exception):
    """The detector's model cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Windowing:
    """How FunASR makes speech out of frames: so many speech frames in its window begin it, so few end it."""

    frames: int
    begins_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class FsmnModel:
    """Encoder of FunASR in evaluation mode, what its features are normalised by, and how its output is read.

    silence:         indices of the outputs that mean silence.
    noise_exponent:  to which the probability of silence is raised before it is compared with speech.
    """

    encoder: Any
    shift: Array
    scale: Array
    silence: list[int]
    noise_exponent: float
    windowing: Windowing


def load_fsmn(folder: Path | None) -> FsmnModel:
    """From `folder`, or the published one if there is none. Raises `BadVadModel`."""
    folder = _published() if folder is None else folder
    missing = [name for name in ("config.yaml", "model.pt") if not (folder / name).is_file()]
    if missing:
        raise BadVadModel(f"{folder} is no FSMN-VAD model: {', '.join(missing)} missing")
    config = _read_config(folder / "config.yaml")
    network = _load_network(folder / "model.pt", config)
    shift, scale = _normalisation(folder / "am.mvn")
    options = network.vad_opts
    return FsmnModel(
        encoder=network.encoder,
        shift=shift,
        scale=scale,
        silence=list(options.sil_pdf_ids),
        noise_exponent=float(options.speech_2_noise_ratio),
        windowing=Windowing(
            frames=int(options.window_size_ms / options.frame_in_ms),
            begins_at=int(options.sil_to_speech_time_thres / options.frame_in_ms),
            ends_at=int(options.speech_to_sil_time_thres / options.frame_in_ms),
        ),
    )


def _published() -> Path:
    try:
        snapshot_download = importlib.import_module("modelscope").snapshot_download
    except ImportError as error:
        raise BadVadModel("without a model folder the package modelscope is needed to fetch it") from error
    # Broad, as the hub's client lets through whatever its HTTP library raises.
    try:
        # What was fetched earlier is taken as it is: a start need not reach the hub.
        return Path(snapshot_download(HUB_ID, local_files_only=True))
    except Exception:
        return _fetched(snapshot_download)


def _fetched(snapshot_download: Any) -> Path:
    try:
        return Path(snapshot_download(HUB_ID))
    except Exception as error:
        raise BadVadModel(
            f"{HUB_ID} is not on this machine and ModelScope does not give it; name its folder instead"
        ) from error


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadVadModel(f"{path} cannot be read") from error
    if not isinstance(config, dict) or config.get("model") != "FsmnVADStreaming":
        raise BadVadModel(f"{path} does not describe an FSMN-VAD model")
    frontend = config.get("frontend_conf", {})
    other = [f"{key} {frontend.get(key)}" for key, value in _FRONTEND.items() if frontend.get(key) != value]
    if other:
        raise BadVadModel(f"{path} asks for features of another kind: {', '.join(other)}")
    return config


def _load_network(weights: Path, config: Mapping[str, Any]) -> Any:
    try:
        network = FsmnVADStreaming(
            encoder=config["encoder"], encoder_conf=config["encoder_conf"], **config["model_conf"]
        )
        loaded = torch.load(weights, map_location="cpu", weights_only=True)
        network.load_state_dict(loaded.get("state_dict", loaded))
    except (KeyError, TypeError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadVadModel(f"{weights} and the config.yaml beside it do not make a model") from error
    options, encoder = network.vad_opts, config["encoder_conf"]
    kind = (encoder["input_dim"], encoder["lstride"], encoder["rorder"], options.frame_in_ms)
    if kind != (FEATURES, 1, 0, 10):
        raise BadVadModel(f"{weights} is not the model of a stream of 10-ms frames of {FEATURES} features")
    if options.decibel_thres > _QUIETEST_DECIBEL or options.snr_thres > _LEAST_SNR:
        raise BadVadModel(f"{weights} comes with thresholds of loudness, which are not supported")
    return network.eval()


def _normalisation(path: Path) -> tuple[Array, Array]:
    """What is added to features and what they are multiplied by then, shape (400,) each."""
    if not path.exists():
        return np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32)
    try:
        shift, scale = (row.astype(np.float32) for row in load_cmvn(str(path)).numpy())
    except (OSError, ValueError, IndexError) as error:
        raise BadVadModel(f"{path} cannot be read") from error
    if shift.shape != (FEATURES,) or scale.shape != (FEATURES,):
        raise BadVadModel(f"{path} is not for {FEATURES} features")
    return shift, scale
