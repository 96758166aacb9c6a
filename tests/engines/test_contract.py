"""What every engine keeps to, whatever it is: checked on the real thing.

Here are the engines that bring a model of their own; `encoder_llm/test_contract.py` has the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from common.audio import SAMPLE_RATE, Samples, ms_to_samples
from common.settings import Settings
from tests.support.speech import say
from tests.support.texts import word_errors
from worker.engines.base import EngineDead, SegmentEngine, TranscribeRequest
from worker.engines.registry import create_engine
from worker.pipeline.effects import DecodeKind

pytestmark = pytest.mark.timeout(120)

WITH_A_MODEL = ("moonshine",)
SENTENCE = "Please open the window before the guests arrive."
OTHER = "The train to the coast leaves in ten minutes."


def with_engine(name: str, check: Callable[[SegmentEngine], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = create_engine(Settings(engine=name))
        await engine.start()
        try:
            await check(engine)
        finally:
            await engine.close()

    asyncio.run(run())


async def text_of(engine: SegmentEngine, audio: Samples) -> str:
    return (await engine.transcribe(TranscribeRequest(audio, DecodeKind.FINAL))).text


@pytest.fixture(params=WITH_A_MODEL)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_words_are_recognised(name: str) -> None:
    async def check(engine: SegmentEngine) -> None:
        assert word_errors(SENTENCE, await text_of(engine, say(SENTENCE))).errors == 0

    with_engine(name, check)


def test_the_same_audio_gives_the_same_text(name: str) -> None:
    async def check(engine: SegmentEngine) -> None:
        texts = [await text_of(engine, say(SENTENCE)) for _ in range(3)]
        assert len(set(texts)) == 1

    with_engine(name, check)


def test_text_does_not_depend_on_what_is_decoded_beside_it(name: str) -> None:
    async def check(engine: SegmentEngine) -> None:
        windows = [say(SENTENCE), say(OTHER), say(SENTENCE)[: SAMPLE_RATE * 2], np.zeros(8000, np.float32)]
        alone = [await text_of(engine, window) for window in windows]
        wanted = windows * 3
        room = asyncio.Semaphore(engine.capabilities.max_in_flight)

        async def among_others(window: Samples) -> str:
            async with room:
                return await text_of(engine, window)

        assert await asyncio.gather(*(among_others(window) for window in wanted)) == alone * 3

    with_engine(name, check)


@pytest.mark.parametrize("samples", [0, 1, 160, 512])
def test_hardly_any_audio_is_no_error(name: str, samples: int) -> None:
    async def check(engine: SegmentEngine) -> None:
        assert isinstance(await text_of(engine, np.zeros(samples, np.float32)), str)

    with_engine(name, check)


def test_the_longest_segment_is_recognised_to_its_end(name: str) -> None:
    async def check(engine: SegmentEngine) -> None:
        limit = ms_to_samples(engine.capabilities.max_segment_ms)
        sentences = [SENTENCE, OTHER] * 20
        audio = np.concatenate([say(sentence) for sentence in sentences])
        said = [sentences[index] for index in range(len(sentences)) if _ends_before(sentences, index, limit)]
        text = await text_of(engine, audio[:limit])
        errors = word_errors(" ".join(said), " ".join(text.split()[: len(" ".join(said).split())]))
        assert errors.errors <= 0.1 * errors.words

    with_engine(name, check)


def _ends_before(sentences: list[str], index: int, limit: int) -> bool:
    return sum(len(say(sentence)) for sentence in sentences[: index + 1]) <= limit


def test_busy_time_is_counted(name: str) -> None:
    async def check(engine: SegmentEngine) -> None:
        hypothesis = await engine.transcribe(TranscribeRequest(say(SENTENCE), DecodeKind.FINAL))
        assert 0 < hypothesis.busy_s < 30

    with_engine(name, check)


def test_an_engine_that_was_not_started_is_dead_not_silent(name: str) -> None:
    async def run() -> None:
        engine = create_engine(Settings(engine=name))
        with pytest.raises(EngineDead):
            await text_of(engine, say(SENTENCE))
        await engine.close()

    asyncio.run(run())
