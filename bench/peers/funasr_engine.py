"""FunASR's engine on the bench's mixed clips: one call for all of them, which is how it is fastest.

It encodes in groups of eight, then generates all texts at once. Its word times are turned off, as ours are:
it computes them one after another.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.engine_clips import WARM_UP_CLIPS, mixed_clips
from bench.engine_job import Engine, Job, Notebook
from bench.engine_record import MIXED, PEER, WholeRow
from bench.engine_tokens import TokenCounter
from common.audio import samples_to_seconds


def measure(job: Job, notebook: Notebook) -> None:
    """Writes its own split of the language model into the model folder. Raises what FunASR raises."""
    if not notebook.has_time("peer"):
        return
    began = time.perf_counter()
    engine = _engine(job.engine, job.peer_memory)
    notebook.report.facts["funasr start s"] = f"{time.perf_counter() - began:.1f}"
    notebook.report.facts["cuda"] = str(torch.version.cuda)
    clips = mixed_clips(job.cells.clips)
    engine.generate(clips[:WARM_UP_CLIPS])
    began = time.perf_counter()
    results = engine.generate(clips)
    wall_s = time.perf_counter() - began
    texts = [result["text"] for result in results]
    row = WholeRow(
        engine=PEER,
        clips=MIXED,
        in_flight=None,
        requests=len(texts),
        audio_s=sum(samples_to_seconds(len(clip)) for clip in clips),
        wall_s=wall_s,
        busy_s=wall_s,
        tokens=TokenCounter(Path(job.engine.model)).count(texts),
        empty=sum(not text for text in texts),
    )
    notebook.report.whole.append(row)


def _engine(settings: Engine, memory: float) -> Any:
    # Registers the parts that a checkpoint names.
    import funasr  # noqa: F401, PLC0415  isort: skip
    from funasr.models.fun_asr_nano.inference_vllm import FunASRNanoVLLM  # noqa: PLC0415

    on_card = torch.cuda.is_available() and settings.device != "cpu"
    device = ("cuda:0" if on_card else "cpu") if settings.device == "auto" else settings.device
    dtype = ("bf16" if on_card else "fp32") if settings.dtype == "auto" else settings.dtype
    engine = FunASRNanoVLLM(
        settings.model,
        device=device,
        dtype=dtype,
        gpu_memory_utilization=memory,
        max_model_len=settings.max_model_len,
        enforce_eager=not on_card,
    )
    engine.ctc_decoder = None
    engine.vllm_engine.generate = partial(_quietly, engine.vllm_engine.generate)
    return engine


def _quietly(generate: Any, prompts: Any, parameters: Any, **_: Any) -> Any:
    """Without the progress bar, which costs time; turned off by its variable, vLLM divides by zero."""
    return generate(prompts, parameters, use_tqdm=False)
