from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from common.audio import pcm16_to_float
from tests.support.sound import LOUD, QUIET, sound
from worker.pipeline.hop import HOP_SAMPLES
from worker.vad.base import VadState
from worker.vad.silero import CONTEXT_SAMPLES, SileroVad

HOPS: Final = 20


@cache
def silero() -> SileroVad:
    return SileroVad()


def hops_of(pcm: bytes) -> npt.NDArray[np.float32]:
    """Shape (n, 512)."""
    samples = pcm16_to_float(pcm)
    return samples[: len(samples) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES)


def streams(count: int) -> npt.NDArray[np.float32]:
    """Shape (count, HOPS, 512); streams differ in level and phase."""
    random = np.random.default_rng(3)
    levels = np.linspace(0.001, 0.3, count, dtype=np.float32)
    tones = np.sin(np.arange(HOPS * HOP_SAMPLES) * np.linspace(0.02, 0.3, count)[:, None])
    noise = random.standard_normal((count, HOPS * HOP_SAMPLES)) * 0.1
    return ((tones + noise) * levels[:, None]).astype(np.float32).reshape(count, HOPS, HOP_SAMPLES)


def heard_alone(stream: npt.NDArray[np.float32]) -> list[float]:
    state, heard = silero().fresh_state(), []
    for hop in stream:
        [speech], [state] = silero().forward(hop[None], [state])
        heard.append(speech)
    return heard


def heard_together(given: npt.NDArray[np.float32]) -> list[list[float]]:
    states: list[VadState] = [silero().fresh_state() for _ in given]
    heard: list[list[float]] = [[] for _ in given]
    for index in range(HOPS):
        speech, states = silero().forward(given[:, index], states)
        for row, probability in enumerate(speech):
            heard[row].append(probability)
    return heard


@pytest.mark.parametrize("count", [2, 7, 33])
def test_results_do_not_depend_on_who_else_is_in_the_batch(count: int) -> None:
    given = streams(count)
    assert heard_together(given) == [heard_alone(stream) for stream in given]


def test_a_session_may_change_its_place_in_the_batch() -> None:
    given = streams(3)
    states: list[VadState] = [silero().fresh_state() for _ in given]
    heard: list[float] = []
    for index in range(HOPS):
        order = np.roll(np.arange(3), index)
        speech, following = silero().forward(given[order, index], [states[row] for row in order])
        for place, row in enumerate(order):
            states[row] = following[place]
        heard.append(speech[int(np.flatnonzero(order == 0)[0])])
    assert heard == heard_alone(given[0])


def test_probabilities_are_between_zero_and_one_and_silence_is_no_speech() -> None:
    quiet = heard_alone(hops_of(sound((QUIET, 0.64))))
    assert all(0.0 <= speech <= 1.0 for speech in [*quiet, *heard_alone(hops_of(sound((LOUD, 0.64))))])
    assert max(quiet) < 0.1


def test_what_was_heard_before_counts_and_a_fresh_state_forgets_it() -> None:
    stream = streams(2)[1]
    again = silero().forward(stream[-1][None], [silero().fresh_state()])[0]
    assert again != heard_alone(stream)[-1:]
    assert heard_alone(stream) == heard_alone(stream)


def test_states_belong_to_their_session_alone() -> None:
    given = streams(2)
    fresh: list[VadState] = [silero().fresh_state() for _ in given]
    _, following = silero().forward(given[:, 0], fresh)
    assert all(not memory.any() and not context.any() for memory, context in fresh)
    for (memory, context), hop in zip(following, given[:, 0], strict=True):
        assert memory.shape == (2, 1, 128)
        assert context.tolist() == hop[-CONTEXT_SAMPLES:].tolist()
