from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.support.loudness_vad import LoudnessVad
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState
from worker.vad.hearing import Heard, Wanted, hear


class PickyVad(LoudnessVad):
    """Fails at what is negative."""

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        if np.any(hops < 0):
            raise RuntimeError("not this")
        return super().forward(hops, states)


def wanted(*loudnesses: float) -> Wanted:
    return Wanted([np.full(HOP_SAMPLES, loudness, np.float32) for loudness in loudnesses], 0.0)


def answers(heard: Heard) -> list[float] | str:
    return str(heard) if isinstance(heard, Exception) else [hop.speech for hop in heard]


def test_sessions_are_heard_in_rounds_each_from_its_own_state() -> None:
    model, batch = LoudnessVad(), [wanted(0.1), wanted(0.1, 0.0, 0.05), wanted(0.0, 0.1)]
    together = [answers(heard) for heard in hear(model, batch)]
    assert model.batch_sizes == [3, 2, 1]
    assert together == [answers(hear(LoudnessVad(), [each])[0]) for each in batch]


def test_what_the_model_fails_at_leaves_all_others_the_answers_that_they_would_have_had() -> None:
    good, bad = [wanted(0.1, 0.0), wanted(0.05), wanted(0.0, 0.1)], wanted(0.1, -1.0)
    [*first, failed, last] = hear(PickyVad(), [*good[:2], bad, good[2]])
    assert answers(failed) == "not this"
    assert [answers(heard) for heard in [*first, last]] == [
        answers(heard) for heard in hear(LoudnessVad(), good)
    ]


def test_a_fault_that_does_not_come_again_is_nobodys() -> None:
    class Moody(LoudnessVad):
        def forward(
            self, hops: npt.NDArray[np.float32], states: list[VadState]
        ) -> tuple[list[float], list[VadState]]:
            if len(hops) > 1:
                raise RuntimeError("too many")
            return super().forward(hops, states)

    batch = [wanted(0.1), wanted(0.05, 0.1)]
    assert [answers(heard) for heard in hear(Moody(), batch)] == [
        answers(heard) for heard in hear(LoudnessVad(), batch)
    ]
