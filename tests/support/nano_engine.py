"""The encoder-and-language-model engine on a tiny checkpoint, in a loop that waits between tests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import torch

from common.settings import Settings
from tests.support.clips import Clip
from worker.engines.base import EngineDead, Hypothesis, TranscribeRequest
from worker.engines.encoder_llm.engine import EncoderLlmEngine
from worker.engines.encoder_llm.parts import Parts
from worker.engines.registry import load_engine
from worker.pipeline.effects import DecodeKind

Result = TypeVar("Result")
Tokens = tuple[int, ...]

# Random projections of the usual size hardly change what passes through them: such a model says its last
# prompt token for ever, whatever the audio.
_LIVELINESS: Final = 16
_WITHIN_S: Final = 240.0


class Said(NamedTuple):
    """What the language model said, without the end mark, and the hypothesis made of it."""

    tokens: Tokens
    text: str


class NanoEngine:
    """The engine with a loop of its own; `run` is for everything that touches it."""

    def __init__(self, model: Path, **settings: Any) -> None:
        self._runner = asyncio.Runner()
        values = {
            "engine": "fun-asr-nano",
            "model": str(model),
            "kv_cache_gib": 1,
            "dtype": "fp32",
            **settings,
        }
        engine = load_engine(Settings(**values))
        assert isinstance(engine, EncoderLlmEngine)
        self.engine = engine
        self._told: ContextVar[list[Tokens] | None] = ContextVar("told", default=None)

    def run(self, coroutine: Coroutine[Any, Any, Result], within_s: float = _WITHIN_S) -> Result:
        """Its result. Raises `TimeoutError`."""

        async def bounded() -> Result:
            async with asyncio.timeout(within_s):
                return await coroutine

        return self._runner.run(bounded())

    @property
    def parts(self) -> Parts:
        parts = self.engine._parts
        assert parts is not None
        return parts

    @property
    def vllm(self) -> Any:
        """vLLM's own engine."""
        return self.parts.model._engine

    def start(self) -> None:
        self.run(self.engine.start())
        self._note_tokens()

    def close(self) -> None:
        self.run(self.engine.close())
        self._runner.close()

    async def said(self, clip: Clip, kind: DecodeKind = DecodeKind.FINAL) -> Said:
        return await self.answer(_request(clip, kind))

    async def answer(self, request: TranscribeRequest) -> Said:
        """Its tokens are the new ones, without what the request goes on from."""
        told: list[Tokens] = []
        self._told.set(told)
        text = (await self.engine.transcribe(request)).text
        [tokens] = told
        return Said(tokens, text)

    async def transcribe(self, clip: Clip, kind: DecodeKind = DecodeKind.FINAL) -> Hypothesis:
        return await self.engine.transcribe(_request(clip, kind))

    def unfinished(self) -> int:
        """Requests that vLLM has not forgotten."""
        return int(self.vllm.output_processor.get_num_unfinished_requests())

    def _note_tokens(self) -> None:
        model = self.parts.model
        answer = model.answer

        async def noted(*arguments: Any, **options: Any) -> Sequence[int]:
            tokens = await answer(*arguments, **options)
            if (told := self._told.get()) is not None:
                told.append(tuple(tokens))
            return tokens

        model.answer = noted  # type: ignore[method-assign]


def _request(clip: Clip, kind: DecodeKind) -> TranscribeRequest:
    return TranscribeRequest(clip.audio, kind, clip.language, clip.hotwords)


@contextmanager
def started(model: Path, **settings: Any) -> Iterator[NanoEngine]:
    nano = NanoEngine(model, **settings)
    try:
        nano.start()
        yield nano
    finally:
        nano.close()
        del nano
        # vLLM's sockets complain when they are collected; here that is ignored, later it is an error.
        gc.collect()


async def dies(nano: NanoEngine, within_s: float) -> None:
    """Until the engine says by itself that it is dead."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                nano.engine.check()
            except EngineDead:
                return
            await asyncio.sleep(0.02)


def make_random(folder: Path) -> Path:
    """A checkpoint of plain random weights whose text follows its input. Changes model.pt."""
    file = folder / "model.pt"
    state = torch.load(file)["state_dict"]
    for name, weight in state.items():
        if name.startswith("llm.model.layers.") and name.endswith("proj.weight"):
            state[name] = weight * _LIVELINESS
    torch.save({"state_dict": state}, file)
    return folder
