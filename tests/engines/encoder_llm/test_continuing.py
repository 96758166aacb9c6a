"""Partials of a long segment, window after window, leave its final little to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest

from bench.checkpoints import TINY, build_fun_asr_nano
from common.audio import SAMPLE_RATE, Samples
from tests.support.nano_engine import NanoEngine, started
from worker.engines.base import TranscribeRequest
from worker.engines.encoder_llm.audio_path import Memory
from worker.engines.encoder_llm.checkpoint import open_checkpoint
from worker.engines.encoder_llm.continuation import ROLLBACK_TOKENS
from worker.engines.encoder_llm.prepare import prepare
from worker.pipeline.effects import DecodeKind
from worker.pipeline.partials import PartialPolicy, PartialSettings

SECONDS: Final = 26
PARTIALS: Final = PartialSettings(SAMPLE_RATE * 48 // 100, SAMPLE_RATE * 8, stays=True)


@pytest.fixture(scope="module")
def refrain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NanoEngine]:
    """A model that does not hear, but agrees with itself about what two windows share."""
    folder = build_fun_asr_nano(tmp_path_factory.mktemp("refrain") / "model", TINY, hears=False)
    prepare(open_checkpoint(folder))
    with started(folder, dtype="bf16") as engine:
        yield engine


def noise(seconds: int, seed: int) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, seconds * SAMPLE_RATE).astype(np.float32)


def test_it_says_four_words_a_second_and_the_same_every_four_seconds(refrain: NanoEngine) -> None:
    said = refrain.run(refrain.answer(TranscribeRequest(noise(12, 1), DecodeKind.FINAL))).text.split()
    assert len(said) == pytest.approx(48, abs=2)
    assert len(set(said)) == 16 and said[16:] == said[:-16]


def test_a_final_says_only_what_its_partials_have_not_agreed_on(refrain: NanoEngine) -> None:
    audio, memory, policy = noise(SECONDS, 2), Memory(), PartialPolicy(PARTIALS, 0)
    starts = set()
    for end in range(PARTIALS.interval, len(audio), PARTIALS.interval):
        start = policy.window_start(0, end)
        starts.add(start)
        partial = TranscribeRequest(audio[start:end], DecodeKind.PARTIAL, start=start, memory=memory)
        refrain.run(refrain.answer(partial))
    final = refrain.run(refrain.answer(TranscribeRequest(audio, DecodeKind.FINAL, memory=memory)))
    assert len(starts) >= 5
    assert len(final.text.split()) == pytest.approx(4 * SECONDS, abs=2)
    # What was spoken since the last two partials, the rollback, and a word or two for each window, for they
    # are not quite four seconds apart.
    assert len(final.tokens) <= 8 + ROLLBACK_TOKENS + 2 * len(starts)
    assert refrain.run(refrain.answer(TranscribeRequest(audio, DecodeKind.FINAL))).text == final.text
