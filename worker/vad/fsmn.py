"""FunASR's FSMN-VAD, the caches of all sessions stacked: one pass of its network for all of them.

FunASR calls a 10-ms frame speech if its probability of speech exceeds that of silence by a threshold, and
lets speech begin once 15 of the last 20 frames are speech, end once fewer are. The probability given here for
a hop is that count at its last frame, placed so that this detector's decisions come out of the common
thresholds of worker/pipeline/hop.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from common.audio import ms_to_samples
from worker.pipeline.hop import SPEECH_ENTERS, SPEECH_LEAVES, DetectorLag
from worker.vad.base import VadState
from worker.vad.fsmn_frontend import MAX_FRAMES, Array, Features, Frontend, FrontendState
from worker.vad.fsmn_model import Windowing, load_fsmn

# FunASR's streaming detector uses this one, whatever the model's config.yaml says.
SPEECH_NOISE_THRESHOLD: Final = 0.5
# Keeps speech going, begins none.
UNDECIDED: Final = (SPEECH_ENTERS + SPEECH_LEAVES) / 2
# Fewer sessions go another way through the linear algebra library, to other last bits; see the front end.
_MIN_SESSIONS: Final = 8

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FsmnState:
    """Of one session.

    memory: what each layer remembers, shape (layers, order - 1, projection).
    window: which of the last frames were speech, the newest last; none before the first frame.
    judged: number of frames so far.
    """

    frontend: FrontendState
    memory: Array
    window: Flags
    judged: int


class FsmnVad:
    # The window of 15 frames, the two frames of look-ahead and the hop; measured with bursts of noise.
    lag = DetectorLag(onset=ms_to_samples(150), end=ms_to_samples(80), pause=ms_to_samples(96))

    def __init__(self, folder: Path | None) -> None:
        """Raises `BadVadModel`."""
        # Small products: more threads would only wait for each other.
        torch.set_num_threads(1)
        self._model = load_fsmn(folder)
        self._frontend = Frontend(self._model.shift, self._model.scale)
        with torch.inference_mode():
            # Shape (order, projection) each.
            self._taps = [
                block.fsmn_block.conv_left.weight[:, 0, :, 0].t().contiguous()
                for block in self._model.encoder.fsmn
            ]

    def fresh_state(self) -> VadState:
        order, projection = self._taps[0].shape
        memory = np.zeros((len(self._taps), order - 1, projection), np.float32)
        window = np.zeros(self._model.windowing.frames, np.bool_)
        return FsmnState(self._frontend.fresh_state(), memory, window, 0)

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        with torch.inference_mode():
            features, frontends = self._frontend.forward(hops, [state.frontend for state in states])
            silence, memories = self.posteriors(features, [state.memory for state in states])
        speech = self._is_speech(silence)
        following = [
            _follow(state, frontends[row], memories[row], speech[row, : features.counts[row]])
            for row, state in enumerate(states)
        ]
        return [speech_probability(state, self._model.windowing) for state in following], list(following)

    def posteriors(self, features: Features, memories: list[Array]) -> tuple[Array, list[Array]]:
        """Probabilities of silence, shape (n, 4) of which the first `counts` are meant; memories then.

        Sessions that completed equally many frames go together; there are seldom more than two such groups.
        """
        silence = np.ones((len(memories), MAX_FRAMES), np.float32)
        following = list(memories)
        owner = np.repeat(features.counts, features.counts)
        for count in np.unique(owner):
            rows = np.flatnonzero(features.counts == count)
            values = features.values[owner == count].reshape(len(rows), count, -1)
            silence[rows, :count], after = self._encode(values, np.stack([memories[row] for row in rows]))
            for row, memory in zip(rows, after, strict=True):
                # Not a view, which would keep everybody's memory alive.
                following[row] = memory.copy()
        return silence, following

    def _encode(self, values: Array, memory: Array) -> tuple[Array, Array]:
        """Features of shape (n, frames, 400), memories of shape (n, layers, order - 1, projection)."""
        sessions = len(values)
        if sessions < _MIN_SESSIONS:
            values = _with_rows(values, _MIN_SESSIONS)
            memory = _with_rows(memory, _MIN_SESSIONS)
        encoder, before, frames = self._model.encoder, torch.from_numpy(memory), values.shape[1]
        hidden: Any = encoder.relu(encoder.in_linear2(encoder.in_linear1(torch.from_numpy(values))))
        after = []
        for layer, (block, taps) in enumerate(zip(encoder.fsmn, self._taps, strict=True)):
            heard = torch.cat((before[:, layer], block.linear(hidden)), 1)
            # What FunASR's convolution computes. That one leaves its output so that the product after it is
            # one for each session: three times as slow in all with many of them.
            mixed = [(heard[:, at : at + len(taps)] * taps).sum(1) for at in range(frames)]
            hidden = block.relu(block.affine(heard[:, -frames:] + torch.stack(mixed, 1)))
            after.append(heard[:sessions, frames:])
        scores = torch.softmax(encoder.out_linear2(encoder.out_linear1(hidden)), -1)
        silence: Array = scores[:sessions, :, self._model.silence].sum(-1).numpy()
        return silence, torch.stack(after, 1).numpy()

    def _is_speech(self, silence: Array) -> Flags:
        noise = silence**self._model.noise_exponent
        louder: Flags = 1.0 - silence >= noise + SPEECH_NOISE_THRESHOLD
        return louder


def speech_probability(state: FsmnState, windowing: Windowing) -> float:
    """Half or more where FunASR would let speech begin, less than it takes to go on where it lets it end."""
    count = int(state.window.sum())
    if count >= windowing.begins_at:
        return SPEECH_ENTERS + (1 - SPEECH_ENTERS) * count / windowing.frames
    # A window that began in the middle of speech is full of it before it is long enough.
    began_in_speech = count * windowing.frames >= windowing.begins_at * min(state.judged, windowing.frames)
    if count > windowing.ends_at or began_in_speech:
        return UNDECIDED
    return SPEECH_LEAVES * count / windowing.begins_at


def _follow(state: FsmnState, frontend: FrontendState, memory: Array, speech: Flags) -> FsmnState:
    window = np.concatenate([state.window, speech])[len(speech) :]
    return FsmnState(frontend, memory, window, state.judged + len(speech))


def _with_rows(values: Array, rows: int) -> Array:
    padded = np.zeros((rows, *values.shape[1:]), np.float32)
    padded[: len(values)] = values
    return padded
