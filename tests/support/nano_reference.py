"""FunASR's own two ways through a Fun-ASR-Nano checkpoint, one clip at a time in fp32: what to equal.

Both are run as published. Only the aligner is taken out, as it needs torchaudio and has no say in the tokens.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from common.audio import SAMPLE_RATE
from tests.support.clips import Clip
from worker.engines.encoder_llm.families.fun_asr_nano import text_tokens_at_most

_ALIASES = {"zh": "中文", "en": "英文", "ja": "日文", "ko": "韩文"}


@dataclass(frozen=True, slots=True)
class Answer:
    """`tokens` without the end mark; `ended` if there was one, else it was cut at the limit."""

    tokens: tuple[int, ...]
    ended: bool
    text: str


class TorchReference:
    """`FunASRNano.inference`, its language model in transformers."""

    def __init__(self, folder: Path) -> None:
        from funasr.models.fun_asr_nano.model import FunASRNano  # noqa: PLC0415

        self._model, self._options = FunASRNano.from_pretrained(
            model=str(folder), device="cpu", disable_update=True, disable_pbar=True, ncpu=1
        )
        self._model.eval()
        self._model.ctc_decoder = None
        self._generated: Any = None
        self._embeddings: Any = None
        self._generate = self._model.llm.generate
        self._model.llm.generate = self._note_and_generate

    def answer(self, clip: Clip) -> Answer:
        options = {
            **self._options,
            "hotwords": list(clip.hotwords),
            "language": _named(clip.language),
            "max_length": _most(clip),
        }
        with torch.no_grad():
            results, _ = self._model.inference(
                data_in=[torch.from_numpy(clip.audio)], key=["clip"], **options
            )
        end = self._model.llm.generation_config.eos_token_id
        return _answer(self._generated[0].tolist(), end, results[0]["text"])

    def gap(self, clip: Clip, said: Sequence[int]) -> float:
        """How far the best next token after `said` is ahead of the second best, in logits."""
        self.answer(clip)
        model = self._model.llm
        with torch.no_grad():
            rest = model.get_input_embeddings()(torch.tensor([list(said)], dtype=torch.int64))
            logits = model(inputs_embeds=torch.cat([self._embeddings, rest], dim=1)).logits[0, -1]
        best, second = logits.topk(2).values.tolist()
        return float(best - second)

    def _note_and_generate(self, **options: Any) -> Any:
        self._embeddings = options["inputs_embeds"]
        self._generated = self._generate(**options)
        return self._generated


class VllmReference:
    """`FunASRNanoVLLM.generate`. Writes beside the checkpoint's own files."""

    def __init__(self, folder: Path) -> None:
        from funasr.models.fun_asr_nano.inference_vllm import FunASRNanoVLLM  # noqa: PLC0415

        self._engine: Any = FunASRNanoVLLM(str(folder), device="cpu", dtype="fp32", enforce_eager=True)
        self._engine.ctc_decoder = None
        self._outputs: Any = None
        self._generate: Any = self._engine.vllm_engine.generate
        self._engine.vllm_engine.generate = self._note_and_generate

    def answer(self, clip: Clip) -> Answer:
        language = None if clip.language == "auto" else clip.language
        [result] = self._engine.generate(
            clip.audio, hotwords=list(clip.hotwords), language=language, max_new_tokens=_most(clip)
        )
        output = self._outputs[0].outputs[0]
        end = output.token_ids[-1] if output.finish_reason == "stop" else None
        return _answer(list(output.token_ids), end, result["text"])

    def close(self) -> None:
        self._engine.vllm_engine.llm_engine.engine_core.shutdown()
        # Its sockets complain when they are collected; here that is ignored, later it is an error.
        self._engine = self._generate = self._outputs = None
        gc.collect()

    def _note_and_generate(self, *arguments: Any, **options: Any) -> Any:
        self._outputs = self._generate(*arguments, **options)
        return self._outputs


def _named(language: str | None) -> str | None:
    """The PyTorch path knows no short names; its vLLM engine does."""
    return None if language in (None, "auto") else _ALIASES.get(language.lower(), language)


def _most(clip: Clip) -> int:
    return text_tokens_at_most(len(clip.audio), SAMPLE_RATE)


def _answer(tokens: Sequence[int], end: int | None, text: str) -> Answer:
    ended = bool(tokens) and tokens[-1] == end
    return Answer(tuple(tokens[:-1] if ended else tokens), ended, text)
