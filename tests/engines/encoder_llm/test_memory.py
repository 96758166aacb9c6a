"""More requests than the key-value cache holds: vLLM throws some out and begins them again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.support.clips import LONGEST_S, Clip, random_clips
from tests.support.nano_engine import NanoEngine, Said, started
from worker.pipeline.effects import DecodeKind

pytestmark = pytest.mark.timeout(600)

# 4,096 tokens of the tiny model; the clips below need twice as many at once.
SMALL_GIB: Final = 0.006
CLIPS: Final = [clip for clip in random_clips(150) if 4 * 16_000 < len(clip.audio) < LONGEST_S * 16_000][:32]


def test_requests_that_had_to_make_room_say_the_same(
    random_nano: NanoEngine, random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # vLLM's CPU build takes whole GiB from this variable, or else what the engine says.
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    monkeypatch.setattr("worker.engines.encoder_llm.language_model._set_environment", lambda _: None)

    async def alone(clips: list[Clip]) -> list[Said]:
        return [await random_nano.said(clip) for clip in clips]

    async def together(cramped: NanoEngine) -> list[Said]:
        kinds = [DecodeKind(number % len(DecodeKind)) for number in range(len(CLIPS))]
        return await asyncio.gather(*map(cramped.said, CLIPS, kinds))

    with started(random_model, kv_cache_gib=SMALL_GIB) as cramped:
        assert cramped.run(together(cramped)) == random_nano.run(alone(CLIPS))
