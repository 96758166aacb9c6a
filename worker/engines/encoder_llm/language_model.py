"""The language model in vLLM: prompt embeddings in, tokens out, one request for each hypothesis."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from worker.card_errors import engine_dead
from worker.engines.base import EngineDead, EngineError
from worker.engines.encoder_llm.checkpoint import end_tokens
from worker.engines.encoder_llm.end_with_worker import WORKER_EXTENSION, name_worker
from worker.environment import set_defaults
from worker.pipeline.effects import DecodeKind

_GIB: Final = 1 << 30
# A step takes at most this many tokens, so that a burst of prompts does not hold up the texts in progress.
_STEP_TOKENS: Final = 1_024
# Every step is a captured one, also those that take prompts in: launched one by one its kernels take longer
# than they run.
_CAPTURED_STEPS: Final = (
    *(1, 2, 4),
    *range(8, 65, 8),
    *range(80, 129, 16),
    *(160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1_024),
)
_GRAPHS: Final = {"cudagraph_capture_sizes": list(_CAPTURED_STEPS), "cudagraph_mode": "FULL"}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How vLLM is to run. It claims `kv_cache_gib`, and wants `memory_share` free at its start."""

    dtype: str
    max_model_len: int
    max_in_flight: int
    memory_share: float
    kv_cache_gib: float
    tensor_parallel_size: int
    on_card: bool


class LanguageModel:
    """Requests join and leave a running batch at every step; finals are put in front of partials."""

    def __init__(self, folder: Path, settings: ModelSettings) -> None:
        self._end_tokens = end_tokens(folder)
        self._numbers = itertools.count()
        name_worker()
        self._on_card = settings.on_card
        self._engine = _engine(folder, settings)

    async def answer(
        self, prompt: Tensor, most_tokens: int, kind: DecodeKind, *, least_tokens: int = 0
    ) -> Sequence[int]:
        """Greedy tokens without the end mark. Cancelling aborts the request; raises `EngineDead` once the
        model's process is gone, `EngineError` for a request that it refuses."""
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415

        # No penalties, ever: there are no prompt tokens to count, and the kernel asserts on the card.
        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=most_tokens,
            min_tokens=least_tokens,
            stop_token_ids=list(self._end_tokens),
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        number = f"{next(self._numbers)}"
        outputs = self._engine.generate({"prompt_embeds": prompt}, parameters, number, priority=int(kind))
        try:
            async for output in outputs:
                if output.finished:
                    return self._spoken(output.outputs[0].token_ids)
        except Exception as error:
            self.check()
            raise EngineError(f"the language model refused a request: {error}") from error
        raise EngineError("the language model ended a request without an answer")

    def check(self) -> None:
        """Raises `EngineDead` if the model's process is gone; `CardLost` if the card is the reason, and does
        not serve this process any more either."""
        if not self._engine.errored:
            return
        if self._on_card:
            try:
                torch.cuda.synchronize()
            except RuntimeError as error:
                raise engine_dead(f"the language model's process is gone: {error}", error) from error
        raise EngineDead("the language model's process is gone")

    def close(self) -> None:
        self._engine.shutdown()

    def _spoken(self, tokens: Sequence[int]) -> Sequence[int]:
        return tokens[:-1] if tokens and tokens[-1] in self._end_tokens else tokens


def _engine(folder: Path, settings: ModelSettings) -> Any:
    _set_environment(settings)
    from vllm import AsyncEngineArgs  # noqa: PLC0415
    from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415

    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(
            model=str(folder),
            skip_tokenizer_init=True,
            enable_prompt_embeds=True,
            dtype=settings.dtype,
            max_model_len=settings.max_model_len,
            max_num_seqs=settings.max_in_flight,
            max_num_batched_tokens=_STEP_TOKENS,
            compilation_config=_GRAPHS if settings.on_card else {},
            gpu_memory_utilization=settings.memory_share,
            kv_cache_memory_bytes=int(settings.kv_cache_gib * _GIB),
            tensor_parallel_size=settings.tensor_parallel_size,
            scheduling_policy="priority",
            # Every prompt is new audio: hashing it would find nothing.
            enable_prefix_caching=False,
            enforce_eager=not settings.on_card,
            disable_log_stats=True,
            worker_extension_cls=WORKER_EXTENSION,
        )
    )


def _set_environment(settings: ModelSettings) -> None:
    set_defaults(os.environ)
    if not settings.on_card:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(max(1, round(settings.kv_cache_gib))))
