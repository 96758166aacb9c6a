"""Language model and whole engine, both of one engine that was started once."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.engine_clips import WARM_UP_CLIPS, equal_clips, mixed_clips
from bench.engine_drive import Answer, ask_again, clips_for, drive
from bench.engine_job import Cells, Job, Notebook
from bench.engine_record import MIXED, ModelRow, WholeRow, quantile_ms
from bench.engine_settings import prepared_settings
from bench.engine_tokens import TokenCounter
from common.audio import Samples
from common.settings import Settings
from worker.engines.encoder_llm.engine import EncoderLlmEngine, create
from worker.engines.encoder_llm.parts import Parts, dtype_of
from worker.pipeline.effects import DecodeKind

# As a clip of about 12 s with the text around it.
_PROMPT_TOKENS = 60
# About what embeddings of a trained model have.
_PROMPT_SCALE = 0.02
_OURS = "voxshard"


def measure(job: Job, notebook: Notebook) -> None:
    """Raises `CannotPrepare`, `CheckpointError`, and what the engine raises."""
    asyncio.run(_measure(job, notebook, prepared_settings(job.engine)))


async def _measure(job: Job, notebook: Notebook, settings: Settings) -> None:
    engine = create(settings)
    began = time.perf_counter()
    await engine.start()
    try:
        # Only the bench has to look behind the door.
        parts = engine._live()
        notebook.report.facts["engine start s"] = f"{time.perf_counter() - began:.1f}"
        notebook.report.facts["cuda"] = str(torch.version.cuda)
        gc.collect()
        gc.freeze()
        if "whole" in job.sections:
            whole = _Whole(engine, parts, TokenCounter(Path(job.engine.model)))
            await _measure_whole(job.cells, notebook, whole)
        if "model" in job.sections:
            await _measure_model(job.cells, notebook, _Model(parts, dtype_of(settings, parts.audio.device)))
    finally:
        await engine.close()


async def _measure_model(cells: Cells, notebook: Notebook, model: _Model) -> None:
    for new_tokens in cells.new_tokens:
        for in_flight in cells.in_flight:
            if notebook.has_time(f"model: {new_tokens} new tokens, {in_flight} in flight"):
                row = await _model_row(model, new_tokens, in_flight, cells.seconds)
                notebook.report.model.append(row)
                notebook.save()


@dataclass(frozen=True, slots=True)
class _Model:
    """`dtype`: of its prompts."""

    parts: Parts
    dtype: torch.dtype


async def _model_row(model: _Model, new_tokens: int, in_flight: int, seconds: float) -> ModelRow:
    parts = model.parts
    prompt = torch.randn((_PROMPT_TOKENS, parts.prompts.width)).mul(_PROMPT_SCALE).to(model.dtype)

    async def ask() -> None:
        answer = await parts.model.answer(prompt, new_tokens, DecodeKind.FINAL, least_tokens=new_tokens)
        if len(answer) != new_tokens:
            raise RuntimeError(f"{len(answer)} tokens instead of {new_tokens}")

    await asyncio.gather(*(ask() for _ in range(in_flight)))
    began = time.perf_counter()
    latencies_s = await ask_again(ask, in_flight, seconds)
    wall_s = time.perf_counter() - began
    return ModelRow(
        new_tokens,
        in_flight,
        len(latencies_s),
        wall_s,
        quantile_ms(latencies_s, 0.5),
        quantile_ms(latencies_s, 0.95),
    )


async def _measure_whole(cells: Cells, notebook: Notebook, whole: _Whole) -> None:
    if notebook.has_time("whole: mixed clips"):
        most = whole.engine.capabilities.max_in_flight
        clips = mixed_clips(cells.clips)
        await drive(whole.engine, clips[:WARM_UP_CLIPS], most)
        notebook.report.whole.append(await whole.row(MIXED, clips, most))
        notebook.save()
    for length_s in cells.lengths_s:
        for in_flight in cells.in_flight:
            if notebook.has_time(f"whole: {length_s:g} s, {in_flight} in flight"):
                clips = equal_clips(in_flight, length_s)
                await drive(whole.engine, clips, in_flight)
                timed = clips_for(clips, cells.seconds)
                notebook.report.whole.append(await whole.row(f"{length_s:g} s", timed, in_flight))
                notebook.save()


@dataclass(frozen=True, slots=True)
class _Whole:
    engine: EncoderLlmEngine
    parts: Parts
    tokens: TokenCounter

    async def row(self, name: str, clips: Iterable[Samples], in_flight: int) -> WholeRow:
        audio = self.parts.audio
        encoded, batches = audio.encoded, audio.batches
        began = time.perf_counter()
        answers = await drive(self.engine, clips, in_flight)
        wall_s = time.perf_counter() - began
        return _whole_row(
            (name, in_flight),
            answers,
            wall_s,
            tokens=self.tokens.count([answer.text for answer in answers]),
            encoder_batch=(audio.encoded - encoded) / (audio.batches - batches),
        )


def _whole_row(
    cell: tuple[str, int], answers: Sequence[Answer], wall_s: float, *, tokens: int, encoder_batch: float
) -> WholeRow:
    latencies_s = [answer.latency_s for answer in answers]
    return WholeRow(
        engine=_OURS,
        clips=cell[0],
        in_flight=cell[1],
        requests=len(answers),
        audio_s=sum(answer.audio_s for answer in answers),
        wall_s=wall_s,
        busy_s=sum(answer.busy_s for answer in answers),
        tokens=tokens,
        empty=sum(not answer.text for answer in answers),
        p50_ms=quantile_ms(latencies_s, 0.5),
        p95_ms=quantile_ms(latencies_s, 0.95),
        encoder_batch=encoder_batch,
        encode_ms=_mean_ms(answers, "encode"),
        generate_ms=_mean_ms(answers, "generate"),
    )


def _mean_ms(answers: Sequence[Answer], stage: str) -> float:
    return 1000 * sum(answer.stages[stage] for answer in answers) / len(answers)
