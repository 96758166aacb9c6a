"""FunASR's frontend, encoder and adaptor as its own engine runs them: features on the host, eager modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from funasr.frontends.wav_frontend import WavFrontend
from funasr.models.llm_asr.adaptor import Transformer
from funasr.models.sense_voice.model import SenseVoiceEncoderSmall
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from common.audio import Samples
from worker.engines.encoder_llm.checkpoint import Checkpoint


class Forwarded(NamedTuple):
    """Shape (items, low-rate frames, width): `vectors`, whose first ones the language model gets, and
    `hidden`, the encoder's output."""

    vectors: Tensor
    hidden: Tensor


class Features(NamedTuple):
    """Stacked and normalised, shape (items, low-rate frames, 560), and how many frames each item has."""

    stacked: Tensor
    lengths: Tensor

    def on(self, device: torch.device) -> Features:
        return Features(self.stacked.to(device), self.lengths.to(device))


class FunasrEncoder:
    """In fp32; whether its products are TF32 is up to torch's settings."""

    def __init__(self, checkpoint: Checkpoint, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        config = checkpoint.config
        cmvn = None if checkpoint.cmvn is None else str(checkpoint.cmvn)
        self._frontend = WavFrontend(**{**config["frontend_conf"], "cmvn_file": cmvn}).eval()
        width = self._frontend.output_size()
        encoder = SenseVoiceEncoderSmall(input_size=width, **config["audio_encoder_conf"])
        adaptor = Transformer(**{**config["audio_adaptor_conf"], "encoder_dim": encoder.output_size()})
        self._encoder = _filled(encoder, tensors, "audio_encoder.", device)
        self._adaptor = _filled(adaptor, tensors, "audio_adaptor.", device)

    def features(self, windows: Sequence[Samples]) -> Features:
        """On the host, one window after another."""
        audio = pad_sequence([torch.from_numpy(window) for window in windows], batch_first=True)
        lengths = torch.tensor([len(window) for window in windows])
        return Features(*self._frontend(audio, lengths))

    def forward(self, features: Features) -> Forwarded:
        """Of features on the device."""
        with torch.no_grad():
            # It scales its input in place.
            hidden, lengths = self._encoder(features.stacked.clone(), features.lengths)
            return Forwarded(self._adaptor(hidden, lengths)[0], hidden)


def _filled(module: Any, tensors: Mapping[str, Tensor], prefix: str, device: torch.device) -> Any:
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    module.load_state_dict(own, strict=True)
    return module.to(device).eval().requires_grad_(requires_grad=False)
