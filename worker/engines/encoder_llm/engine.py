"""Audio encoder and language model as one engine: windows of any sessions in, hypotheses out.

Features and encoder belong to one thread, the language model is a process of its own; a request passes
through both, and both take whatever else is there into the same batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

import numpy as np
from torch import Tensor

from common.audio import SAMPLE_RATE
from common.settings import Settings
from worker.card_errors import engine_dead
from worker.engines.base import (
    EngineCapabilities,
    EngineDead,
    EngineError,
    Gather,
    Hypothesis,
    SegmentMemory,
    TranscribeRequest,
)
from worker.engines.encoder_llm.audio_path import MAX_BATCH, Memory, Prompt
from worker.engines.encoder_llm.buckets import length_for
from worker.engines.encoder_llm.busy import BusyTime
from worker.engines.encoder_llm.families import fun_asr_nano as family
from worker.engines.encoder_llm.parts import Parts, device_of, make_context, start_parts
from worker.engines.words import TimedWord
from worker.filter_bank import frame_count
from worker.mps import yielding
from worker.pipeline.effects import DecodeKind

_CANARY_S: Final = (0.3, 3.0)
# Many windows in one launch of the encoder and many prompts in one step of the language model cost less than
# each alone. The wait makes no partial older: it hears all that comes meanwhile. At most it is half of the
# time between two partials of a session.
_GATHER: Final = Gather(least_s=0.08, most_s=0.24, enough=MAX_BATCH)


def create(settings: Settings) -> EncoderLlmEngine:
    """vLLM takes the first card that this process sees, whatever `device` says; see `only_own_card`."""
    # Some kernels of an encoder fill the card, a step of a language model is hundreds of small ones, each of
    # which would wait. Behind several language models, though, encoders come too late.
    with yielding() if settings.workers == 1 else nullcontext():
        make_context(device_of(settings))
    return EncoderLlmEngine(settings)


class EncoderLlmEngine:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._continues = settings.partial_mode != "window"
        self.capabilities = EngineCapabilities(
            max_segment_ms=family.MAX_SEGMENT_MS,
            max_in_flight=family.MAX_IN_FLIGHT,
            device=str(device_of(settings)),
            can_abort=True,
            continues_partials=self._continues,
            gather=_GATHER,
        )
        self._parts: Parts | None = None
        self._busy = BusyTime(time.perf_counter)

    async def start(self) -> None:
        self._parts = await start_parts(self._settings)
        # The canary: an engine that cannot decode must not become ready.
        for seconds in _CANARY_S:
            noise = np.random.default_rng(0).normal(0, 0.01, round(seconds * SAMPLE_RATE))
            await self.transcribe(TranscribeRequest(noise.astype(np.float32), DecodeKind.FINAL))

    def fresh_memory(self) -> SegmentMemory:
        return Memory()

    async def room(self) -> int:
        return await self._live().audio.room()

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        parts = self._live()
        if len(request.audio) < family.SAMPLES_AT_LEAST:
            return Hypothesis("", 0.0)
        with self._busy.one_more():
            came = time.perf_counter()
            prompt = await _prompted(parts, request, self._agreed(request))
            encoded = time.perf_counter()
            tokens = await _answered(parts, request, prompt)
            self._remember(request, tokens)
            generated = time.perf_counter()
            text = family.cleaned(parts.prompts.text(tokens))
            words = await _timed(parts, prompt, text) if request.timestamps else None
        stages = (("encode", encoded - came), ("generate", generated - encoded))
        return Hypothesis(text, self._busy.taken(), words, stages)

    def check(self) -> None:
        if self._parts is not None:
            self._parts.model.check()

    async def close(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.model.close()
            parts.audio.close()

    def _live(self) -> Parts:
        if self._parts is None:
            raise EngineDead("the model is not loaded")
        return self._parts

    def _agreed(self, request: TranscribeRequest) -> tuple[int, ...]:
        """What the answer goes on from: of partials, and of a final that nobody could foresee."""
        if request.memory is None or request.afresh or not self._continues:
            return ()
        said: tuple[int, ...] = request.memory.said.prefix(request.start, request.start + len(request.audio))
        return said

    def _remember(self, request: TranscribeRequest, tokens: Sequence[int]) -> None:
        if request.memory is not None and not request.is_final:
            request.memory.said.heard(request.start, request.start + len(request.audio), tokens)


async def _prompted(parts: Parts, request: TranscribeRequest, said: tuple[int, ...]) -> Prompt:
    try:
        # Here, as it would fail a whole batch.
        length_for(family.low_rate_frames(frame_count(len(request.audio))))
        return await parts.audio.prompt(request, said)
    except ValueError as error:
        raise EngineError(str(error)) from error
    except RuntimeError as error:
        # What went wrong on a card stays wrong: every call after it fails or, worse, lies.
        raise engine_dead(f"the encoder failed: {error}", error) from error


async def _answered(parts: Parts, request: TranscribeRequest, prompt: Prompt) -> tuple[int, ...]:
    """All tokens of the hypothesis, those that the prompt went on from in front."""
    most = family.text_tokens_at_most(len(request.audio), SAMPLE_RATE)
    new = await parts.model.answer(prompt.vectors, most, request.kind)
    return (*prompt.said, *new)


async def _timed(parts: Parts, prompt: Prompt, text: str) -> tuple[TimedWord, ...] | None:
    if parts.aligner is None or prompt.hidden is None or not text:
        return None
    try:
        words: tuple[TimedWord, ...] | None = await parts.audio.in_thread(
            _aligned, parts, prompt.hidden, text
        )
    except RuntimeError as error:
        raise engine_dead(f"the aligner failed: {error}", error) from error
    return words


def _aligned(parts: Parts, hidden: Tensor, text: str) -> tuple[TimedWord, ...] | None:
    assert parts.aligner is not None
    encoded = hidden[None].to(parts.audio.device)
    [words] = parts.aligner.align(encoded, [len(hidden)], [text])
    return words
