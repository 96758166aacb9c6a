"""The door to a voice activity detector: a batch of hops in, a probability of speech each out."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from worker.pipeline.hop import DetectorLag

VadState = Any
"""What a model remembers of one session between hops; opaque to everybody else."""


class VadModel(Protocol):
    @property
    def lag(self) -> DetectorLag:
        """By which the segmenter corrects what this model says."""
        ...

    def fresh_state(self) -> VadState:
        """State before the first hop."""
        ...

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        """One call for all: hops of shape (n, 512), n states; n probabilities and the n following states.

        The result for a session does not depend on who else is in the batch.
        """
        ...
