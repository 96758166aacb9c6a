"""FSMN-VAD models in FunASR's layout, and FunASR's own answers to them."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import yaml
from funasr import AutoModel
from funasr.models.fsmn_vad_streaming.dynamic_vad import DynamicStreamingVAD
from funasr.models.fsmn_vad_streaming.model import FsmnVADStreaming

from bench.checkpoints import build_fsmn_vad
from bench.checkpoints.layout import MEAN_AND_VARIANCE, write_transform
from common.audio import SAMPLE_RATE, Samples
from worker.vad.fsmn_frontend import FEATURES, Array

# The sizes of the published model.
PUBLISHED_SIZE: Final[dict[str, int]] = {
    "input_dim": FEATURES,
    "input_affine_dim": 140,
    "fsmn_layers": 4,
    "linear_dim": 250,
    "proj_dim": 128,
    "lorder": 20,
    "rorder": 0,
    "lstride": 1,
    "rstride": 0,
    "output_affine_dim": 140,
    "output_dim": 248,
}
# FunASR looks at its audio in pieces of this length, whatever it is fed.
_PIECE_MS: Final = 60
_keep: Final[list[TemporaryDirectory[str]]] = []


class Heard(NamedTuple):
    """Features of shape (frames, 400) and probabilities of silence of shape (frames,)."""

    features: Array
    silence: Array


class Found(NamedTuple):
    """A segment of FunASR, and when it was said to be one; samples."""

    start: int
    end: int
    endpoint: int


@cache
def energy_model() -> Path:
    """Noise of amplitude 0.1 is speech, of 1e-4 silence."""
    return build_fsmn_vad(_folder())


@cache
def random_model() -> Path:
    """Of the published size, with weights so large that its answers differ from frame to frame."""
    folder = _folder()
    config = read_config(energy_model())
    config["encoder_conf"] = PUBLISHED_SIZE
    # A quarter of the outputs is silence, so that frames fall on both sides of the threshold.
    config["model_conf"] |= {"sil_pdf_ids": list(range(0, 248, 4)), "silence_pdf_num": 62}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    spread = np.random.default_rng(5)
    shift, scale = spread.uniform(-12, -8, FEATURES), spread.uniform(0.1, 0.3, FEATURES)
    write_transform(folder / MEAN_AND_VARIANCE, shift.tolist(), scale.tolist(), size=FEATURES)
    torch.manual_seed(0)
    network: Any = FsmnVADStreaming(encoder="FSMN", encoder_conf=PUBLISHED_SIZE, **config["model_conf"])
    # A smaller factor lets the answers fade with every layer.
    weights = {name: 2.0 * weight for name, weight in network.state_dict().items()}
    torch.save(weights, folder / "model.pt")
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(yaml.safe_load((folder / "config.yaml").read_text("utf-8")))
    return config


def funasr_hears(folder: Path, pieces: list[Samples]) -> Heard:
    """What FunASR's own streaming path makes of audio that comes in these pieces."""
    model = _automodel(folder)
    encoder, forward = model.model.encoder, model.model.encoder.forward
    features: list[Array] = []
    silence: list[Array] = []

    def listen(values: Any, cache: Any = None) -> Any:
        scores = forward(values, cache=cache)
        features.append(values[0].numpy().copy())
        silence.append(scores[0][:, model.model.vad_opts.sil_pdf_ids].sum(-1).numpy())
        return scores

    encoder.forward = listen
    state: dict[str, Any] = {}
    try:
        with torch.inference_mode():
            for piece in pieces:
                model.generate(
                    input=torch.from_numpy(piece), cache=state, chunk_size=_PIECE_MS, is_final=False
                )
    finally:
        encoder.forward = forward
    return Heard(np.concatenate(features), np.concatenate(silence))


def funasr_finds(folder: Path, audio: Samples) -> list[Found]:
    """Segments of FunASR's streaming detector with its own schedule, which is our `streaming`."""
    detector = DynamicStreamingVAD(_automodel(folder))
    step = _PIECE_MS * SAMPLE_RATE // 1000
    found: list[Found] = []
    with torch.inference_mode():
        for begin in range(0, len(audio), step):
            for start_ms, end_ms in detector.feed(torch.from_numpy(audio[begin : begin + step])):
                found.append(Found(start_ms * 16, end_ms * 16, begin + step))
    return found


def noise(*seconds: tuple[float, float], seed: int = 1) -> npt.NDArray[np.float32]:
    """Pairs of amplitude and length."""
    random = np.random.default_rng(seed)
    parts = [level * random.standard_normal(round(length * SAMPLE_RATE)) for level, length in seconds]
    return np.concatenate(parts).astype(np.float32)


@cache
def _automodel(folder: Path) -> Any:
    return AutoModel(
        model=str(folder), disable_update=True, device="cpu", disable_pbar=True, ncpu=1, log_level="ERROR"
    )


def _folder() -> Path:
    # Lives as long as the process: models are made once for all tests.
    _keep.append(TemporaryDirectory(prefix="fsmn-"))
    return Path(_keep[-1].name)
