"""Token for token what FunASR says of the same clip: alone, and beside whatever else."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from common.audio import SAMPLE_RATE
from tests.support.clips import Clip, random_clips
from tests.support.nano_engine import NanoEngine, Said, Tokens
from tests.support.nano_reference import Answer, TorchReference, VllmReference
from worker.engines.encoder_llm.continuation import common_prefix
from worker.engines.encoder_llm.families.fun_asr_nano import cleaned, text_tokens_at_most
from worker.pipeline.effects import DecodeKind

pytestmark = pytest.mark.timeout(1_800)

IN_FLIGHT: Final = 64
ORDERS: Final = 3
# Two sums of the same numbers in another order differ by less. Logits closer than this have no order in fp32.
TIE: Final = 1e-4
# What the reference takes for an artefact: brackets, and whatever is in front of the first letter.
DAMAGED: Final = re.compile(r"[<\[]|^\s*[^\w\s]")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the references say of each clip."""

    clips: list[Clip]
    torch: list[Answer]
    vllm: list[Answer]
    reference: TorchReference

    def check(self, numbers: Sequence[int], tokens: Sequence[Tokens]) -> None:
        """All equal; a tie in the language model is the only excuse, and it is told."""
        for number, ours in zip(numbers, tokens, strict=True):
            self._check_one(number, ours)

    def _check_one(self, number: int, ours: Tokens) -> None:
        for theirs in (self.torch[number].tokens, self.vllm[number].tokens):
            if ours == theirs:
                continue
            at = common_prefix(ours, theirs)
            gap = self.reference.gap(self.clips[number], ours[:at])
            print(f"clip {number}: other token at {at} of {len(theirs)}, logits {gap:.1e} apart")  # noqa: T201
            assert gap < TIE, f"clip {number}: {ours[at : at + 5]} for {theirs[at : at + 5]}, {gap:.1e} apart"


@pytest.fixture(scope="module", params=["counting_model", "random_model"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def nano(request: pytest.FixtureRequest, model: str) -> NanoEngine:
    name = {"counting_model": "nano", "random_model": "random_nano"}[model]
    engine: NanoEngine = request.getfixturevalue(name)
    return engine


@pytest.fixture(scope="module")
def expected(
    request: pytest.FixtureRequest, model: str, tmp_path_factory: pytest.TempPathFactory
) -> Expected:
    # A copy, as FunASR's engine writes into its model folder.
    own: Path = request.getfixturevalue(model)
    folder = shutil.copytree(own, tmp_path_factory.mktemp("theirs") / "model")
    clips = random_clips(request.config.getoption("--clips"))
    by_torch = TorchReference(folder)
    by_vllm = VllmReference(folder)
    try:
        said = [by_vllm.answer(clip) for clip in clips]
    finally:
        by_vllm.close()
    return Expected(clips, [by_torch.answer(clip) for clip in clips], said, by_torch)


def test_the_references_say_the_same_and_something(expected: Expected) -> None:
    """Else the comparison below would prove little."""
    expected.check(range(len(expected.clips)), [answer.tokens for answer in expected.vllm])
    long = [answer.tokens for answer in expected.vllm if len(answer.tokens) > 8]
    assert len(long) > len(expected.clips) / 3
    assert len(set(long)) >= 0.95 * len(long)


@pytest.fixture(scope="module")
def alone(nano: NanoEngine, expected: Expected) -> list[Said]:
    async def one_after_another() -> list[Said]:
        return [await nano.said(clip) for clip in expected.clips]

    return nano.run(one_after_another(), within_s=1_200)


def test_a_clip_alone_gives_the_references_tokens(alone: list[Said], expected: Expected) -> None:
    expected.check(range(len(expected.clips)), [said.tokens for said in alone])


@pytest.mark.parametrize("seed", range(ORDERS))
@pytest.mark.parametrize("come", ["in waves", "one by one"])
def test_a_clip_among_others_in_any_order_gives_the_same_tokens(
    nano: NanoEngine, expected: Expected, seed: int, come: str
) -> None:
    """In waves they share batches of the encoder; one by one they join and leave those of the model."""
    random = np.random.default_rng(seed)
    order = [int(number) for number in random.permutation(len(expected.clips))]
    kinds = [DecodeKind(int(kind)) for kind in random.integers(0, len(DecodeKind), len(order))]
    room = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int, kind: DecodeKind) -> Said:
        async with room:
            return await nano.said(expected.clips[number], kind)

    async def all_of_them() -> list[Said]:
        step = IN_FLIGHT if come == "in waves" else len(order)
        waves = [slice(start, start + step) for start in range(0, len(order), step)]
        said = [await asyncio.gather(*map(one, order[wave], kinds[wave])) for wave in waves]
        return [one for wave in said for one in wave]

    batches = nano.parts.audio.batches
    tokens = [said.tokens for said in nano.run(all_of_them(), within_s=600)]
    if come == "in waves":
        assert nano.parts.audio.batches - batches <= 2 * -(-len(order) // IN_FLIGHT)
    expected.check(order, tokens)


def test_the_text_is_the_references_where_its_cleaning_does_no_harm(
    nano: NanoEngine, alone: list[Said], expected: Expected
) -> None:
    """Words of letters are left alone by both; what else the reference takes out is in the unit tests."""
    alike = 0
    for ours, theirs in zip(alone, expected.vllm, strict=True):
        spoken = nano.parts.prompts.text(ours.tokens)
        assert ours.text == cleaned(spoken)
        if ours.tokens == theirs.tokens and not DAMAGED.search(spoken):
            alike += 1
            assert ours.text == theirs.text
    assert alike


def test_texts_end_where_the_references_end(alone: list[Said], expected: Expected) -> None:
    """At an end mark, or at the same limit."""
    for ours, theirs, clip in zip(alone, expected.torch, expected.clips, strict=True):
        most = text_tokens_at_most(len(clip.audio), SAMPLE_RATE)
        assert len(ours.tokens) < most if theirs.ended else len(ours.tokens) == most
