"""A detector for tests: speech is what is loud, with a memory that a reset wipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.pipeline.hop import SILERO_LAG
from worker.vad.base import VadState

# Sound of this root mean square, or more, is certainly speech.
CERTAIN_LOUDNESS: Final = 0.1
_MEMORY: Final = 0.4


@dataclass(slots=True)
class LoudnessVad:
    """Probability = loudness over certain loudness, mixed with the answer before. A state is that answer."""

    # What tests of the segmenter count with.
    lag = SILERO_LAG

    batch_sizes: list[int] = field(default_factory=list)
    """Of each call of the model."""

    def fresh_state(self) -> VadState:
        return 0.0

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        self.batch_sizes.append(len(hops))
        loudness = np.sqrt(np.mean(np.square(hops, dtype=np.float64), axis=1))
        certainty = np.minimum(1.0, loudness / CERTAIN_LOUDNESS)
        speech = ((1 - _MEMORY) * certainty + _MEMORY * np.array(states, dtype=np.float64)).tolist()
        return speech, speech
