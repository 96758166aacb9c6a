"""A model that raises: whom it concerns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.aio import run, until
from tests.support.loudness_vad import LoudnessVad
from tests.support.vad_rig import Rig, Source
from worker.engines.base import EngineDead
from worker.failures import MAX_FAILURES_IN_A_ROW
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState

DEADLY = 0.9


class BrokenVad(LoudnessVad):
    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        raise RuntimeError("no model")


class PickyVad(LoudnessVad):
    """Fails at some audio, whoever else is there."""

    def forward(
        self, hops: npt.NDArray[np.float32], states: list[VadState]
    ) -> tuple[list[float], list[VadState]]:
        if np.any(hops == np.float32(DEADLY)):
            raise RuntimeError("not this")
        return super().forward(hops, states)


def test_audio_that_the_model_fails_at_is_the_end_of_its_source_and_of_no_other() -> None:
    unheard, others, calm = (
        Source(0.1, DEADLY, 0.1),
        [Source(*[0.1] * 4) for _ in range(9)],
        Source(*[0.1] * 4),
    )
    run(Rig(PickyVad()).serve(*others[:4], unheard, *others[4:]))
    run(Rig().serve(calm))
    assert (unheard.speech, [str(error) for error in unheard.errors]) == ([], ["not this"])
    assert all((other.speech, other.errors) == (calm.speech, []) for other in others)


def test_one_source_alone_does_not_prove_that_the_model_is_dead() -> None:
    async def scenario() -> None:
        rig, unheard, other = Rig(PickyVad()), Source(), Source()
        async with rig.serving():
            for _ in range(2 * MAX_FAILURES_IN_A_ROW):
                await heard_at(rig, unheard, DEADLY)
            await heard_at(rig, other, 0.1)
        assert (len(unheard.errors), len(other.speech)) == (2 * MAX_FAILURES_IN_A_ROW, 1)

    run(scenario())


def test_a_model_that_fails_at_everybody_is_dead_and_nobody_is_told_that_it_was_their_audio() -> None:
    async def scenario() -> list[Source]:
        rig, sources = Rig(BrokenVad()), [Source(0.1) for _ in range(MAX_FAILURES_IN_A_ROW)]
        for source in sources:
            rig.pool.offer(source)
        with pytest.RaisesGroup(pytest.RaisesExc(EngineDead, match="the VAD failed 3 times in a row")):
            await rig.pool.run()
        return sources

    assert not any(source.errors for source in run(scenario()))


async def heard_at(rig: Rig, source: Source, loudness: float) -> None:
    """The source has such a hop, and an answer to it."""
    answers = len(source.errors) + len(source.speech)
    source.hops.append(np.full(HOP_SAMPLES, loudness, np.float32))
    rig.pool.offer(source)
    await until(lambda: len(source.errors) + len(source.speech) > answers)
