"""What every engine keeps to, as far as a model can that never learned to listen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from common.audio import ms_to_samples
from common.settings import Settings
from tests.support.clips import Clip, random_clips
from tests.support.nano_engine import NanoEngine
from worker.engines.base import EngineDead, EngineError, TranscribeRequest
from worker.engines.registry import load_engine
from worker.pipeline.effects import DecodeKind

pytestmark = pytest.mark.timeout(300)

CLIPS: Final = random_clips(12, seed=5)
NOISE: Final = np.random.default_rng(0).normal(0, 0.1, 30 * 16_000).astype(np.float32)


def clip(samples: int, *hotwords: str) -> Clip:
    return Clip(NOISE[:samples], None, hotwords)


def test_something_is_said(nano: NanoEngine) -> None:
    text = nano.run(nano.transcribe(clip(80_000))).text
    assert len(text.split()) == pytest.approx(20, abs=3)


def test_the_same_audio_gives_the_same_text(random_nano: NanoEngine) -> None:
    texts = [random_nano.run(random_nano.transcribe(CLIPS[3])).text for _ in range(3)]
    assert len(set(texts)) == 1


def test_text_does_not_depend_on_what_is_decoded_beside_it(random_nano: NanoEngine) -> None:
    async def scenario() -> None:
        alone = [(await random_nano.transcribe(clip)).text for clip in CLIPS]
        wanted = [random_nano.transcribe(clip) for clip in CLIPS * 4]
        assert [hypothesis.text for hypothesis in await asyncio.gather(*wanted)] == alone * 4

    random_nano.run(scenario())


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 160, 399, 400, 512])
def test_hardly_any_audio_is_no_error(nano: NanoEngine, samples: int) -> None:
    assert isinstance(nano.run(nano.transcribe(clip(samples))).text, str)


@pytest.mark.parametrize("level", [0.0, 1.0, 100.0])
def test_neither_digital_silence_nor_overdriven_audio_is_an_error(nano: NanoEngine, level: float) -> None:
    loud = Clip(np.sign(NOISE[:32_000]) * np.float32(level), None, ())
    assert isinstance(nano.run(nano.transcribe(loud)).text, str)


def test_the_longest_segment_is_recognised_to_its_end(nano: NanoEngine) -> None:
    longest = ms_to_samples(nano.engine.capabilities.max_segment_ms)
    words = nano.run(nano.transcribe(clip(longest))).text.split()
    assert len(words) == pytest.approx(4 * longest / 16_000, rel=0.1)


def test_the_longest_segment_with_a_hundred_long_hotwords_is_recognised(nano: NanoEngine) -> None:
    longest = ms_to_samples(nano.engine.capabilities.max_segment_ms)
    hotwords = [f"{number:02} {'开放时间早上九点至下午五点' * 5}"[:64] for number in range(100)]
    words = nano.run(nano.transcribe(clip(longest, *hotwords))).text.split()
    assert len(words) == pytest.approx(4 * longest / 16_000, rel=0.2)


def test_a_window_that_is_too_long_fails_alone(nano: NanoEngine) -> None:
    async def scenario() -> None:
        too_long = replace(CLIPS[0], audio=np.resize(NOISE, 31 * 16_000))
        good = asyncio.create_task(nano.transcribe(CLIPS[1]))
        with pytest.raises(EngineError, match="are more than"):
            await nano.transcribe(too_long)
        assert (await good).text == (await nano.transcribe(CLIPS[1])).text

    nano.run(scenario())


def test_one_window_that_is_too_long_does_not_fail_those_in_its_batch(nano: NanoEngine) -> None:
    async def scenario() -> None:
        too_long = replace(CLIPS[0], audio=np.resize(NOISE, 31 * 16_000))
        results = await asyncio.gather(
            *(nano.transcribe(each) for each in (CLIPS[0], CLIPS[1], too_long, CLIPS[2], CLIPS[3])),
            return_exceptions=True,
        )
        assert [type(result).__name__ for result in results].count("EngineError") == 1

    nano.run(scenario())


def test_busy_time_is_counted(nano: NanoEngine) -> None:
    hypothesis = nano.run(nano.transcribe(clip(80_000)))
    assert 0 < hypothesis.busy_s < 30
    assert [stage for stage, _ in hypothesis.stages] == ["encode", "generate"]
    assert sum(seconds for _, seconds in hypothesis.stages) <= hypothesis.busy_s


def test_word_times_come_only_when_asked_for(nano: NanoEngine) -> None:
    async def scenario() -> None:
        request = TranscribeRequest(NOISE[:80_000], DecodeKind.FINAL)
        plain = await nano.engine.transcribe(request)
        timed = await nano.engine.transcribe(replace(request, timestamps=True))
        assert plain.words is None
        assert timed.text == plain.text
        assert timed.words is not None
        assert [word.text for word in timed.words] == timed.text.split()
        assert all(0 <= word.start_s < word.end_s <= 5.1 for word in timed.words)

    nano.run(scenario())


def test_partials_go_on_from_what_was_agreed_and_what_is_wanted_afresh_does_not(nano: NanoEngine) -> None:
    async def scenario() -> None:
        memory = nano.engine.fresh_memory()
        given: list[int] = []
        for end in range(16_000, 128_000, 7_680):
            given.append(len(memory.said.prefix(0, end)))
            partial = await nano.engine.transcribe(
                TranscribeRequest(NOISE[:end], DecodeKind.PARTIAL, memory=memory)
            )
            assert len(partial.text.split()) >= given[-1]
        assert given[:2] == [0, 0]
        assert max(given) > 10
        whole = TranscribeRequest(NOISE[:128_000], DecodeKind.FINAL, afresh=True)
        after_partials = replace(whole, memory=memory)
        texts = [(await nano.engine.transcribe(request)).text for request in (whole, after_partials)]
        assert texts[0] == texts[1]

    nano.run(scenario())


def test_an_engine_that_was_not_started_is_dead_not_silent(counting_model: Path) -> None:
    async def scenario() -> None:
        engine = load_engine(Settings(engine="fun-asr-nano", model=str(counting_model)))
        engine.check()
        with pytest.raises(EngineDead):
            await engine.transcribe(TranscribeRequest(NOISE[:16_000], DecodeKind.FINAL))
        with pytest.raises(EngineDead):
            await engine.room()
        await engine.close()

    asyncio.run(scenario())
