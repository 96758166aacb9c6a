"""A Fun-ASR-Nano checkpoint with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from bench.checkpoints.counting import Influence, centre_audio, make_counting
from bench.checkpoints.layout import write_layout
from bench.checkpoints.sizes import Sizes
from bench.checkpoints.weights import model_without_storage, random_state, save

# How much is said depends on the audio. What is said comes again after four seconds (at four words a second),
# so that windows half of eight seconds apart say the same of what both hear.
_DEAF: Final = Influence(ear=0.0, prompt=0.0, not_again=0.0, refrain=True)


def build_fun_asr_nano(
    folder: Path,
    sizes: Sizes,
    seed: int = 0,
    ctc: bool = True,
    tokens_per_second: float | None = 4.0,
    *,
    hears: bool = True,
) -> Path:
    """Writes the checkpoint into `folder` and returns it; equal arguments give equal weights.

    tokens_per_second: greedy decoding says that many words for each second of audio, then the end token
                       (`counting.py`). None: plain random weights, which may never end.
    hears:             whether the words depend on the audio. If not, they are a refrain of sixteen, and
                       windows that grow, or move on by four seconds, agree in what they say as a trained
                       model's nearly always do; with hearing, in bf16, they agree in 28 % of it.
    """
    write_layout(folder, sizes, ctc=ctc)
    generator = torch.Generator().manual_seed(seed)
    model = model_without_storage(folder, sizes, ctc=ctc)
    state = random_state(model, generator)
    if tokens_per_second is not None:
        make_counting(state, sizes, generator, tokens_per_second, Influence() if hears else _DEAF)
        centre_audio(model, state, generator)
    save(state, folder / "model.pt", sizes.language.stored_as)
    return folder
