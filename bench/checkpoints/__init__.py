"""Builders of random-weight checkpoints in the published layouts; they need no network and no weights."""

from bench.checkpoints.nano import build_fun_asr_nano
from bench.checkpoints.sizes import FULL, TINY, Sizes
from bench.checkpoints.vad import VAD_NAME, build_fsmn_vad

__all__ = ["FULL", "TINY", "VAD_NAME", "Sizes", "build_fsmn_vad", "build_fun_asr_nano"]
