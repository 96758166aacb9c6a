"""The text around the audio, as vectors: computed once for every combination of hotwords and language."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor

from worker.engines.encoder_llm.families.fun_asr_nano import AFTER_AUDIO, prompt_before_audio, safe_hotwords
from worker.engines.encoder_llm.rows import Rows, joined, rows_of

_EMBEDDING: Final = "model.embed_tokens.weight"
KEPT_TOKENS: Final = 50_000
"""Of all combinations together: 100 MB in bf16, however many tenants there are, and whatever they expect."""


class PromptBook:
    """Tokenizer and embedding table of the language model, and the prompts made with them."""

    def __init__(self, folder: Path, dtype: torch.dtype, *, most_tokens: int) -> None:
        """`most_tokens`: room that is left for the text in front of the audio."""
        from transformers import AutoTokenizer  # noqa: PLC0415

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._table = _embedding_table(folder)
        self._dtype = dtype
        self._most_tokens = most_tokens
        self._before: OrderedDict[tuple[str | None, tuple[str, ...]], Rows] = OrderedDict()
        self._kept = 0
        self._after = self._embedded(self._tokens(AFTER_AUDIO))

    @property
    def width(self) -> int:
        return int(self._table.shape[1])

    def around(
        self, audio: Rows, language: str | None, hotwords: tuple[str, ...], said: Sequence[int] = ()
    ) -> Tensor:
        """Prompt of shape (tokens, width), in memory of its own: the text in front, the audio's rows, what
        follows them, and the tokens that the answer is to go on from."""
        parts = [self._text_before(language, hotwords), audio, self._after]
        if said:
            parts.append(self._embedded(said))
        return joined(parts, self._dtype)

    def _embedded(self, tokens: Sequence[int]) -> Rows:
        return rows_of(self._table[torch.tensor(tokens, dtype=torch.int64)].to(self._dtype))

    def text(self, tokens: Sequence[int]) -> str:
        """As it was said, without special tokens."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _text_before(self, language: str | None, hotwords: tuple[str, ...]) -> Rows:
        key = (language, hotwords)
        if key not in self._before:
            rows = self._embedded(self._fitting(language, safe_hotwords(hotwords)))
            self._kept += len(rows)
            while self._before and self._kept > KEPT_TOKENS:
                self._kept -= len(self._before.popitem(last=False)[1])
            self._before[key] = rows
        self._before.move_to_end(key)
        return self._before[key]

    def _fitting(self, language: str | None, hotwords: list[str]) -> list[int]:
        """The first hotwords that the prompt has room for."""
        tokens = self._tokens(prompt_before_audio(language, hotwords))
        while hotwords and len(tokens) > self._most_tokens:
            hotwords = hotwords[: len(hotwords) * self._most_tokens // len(tokens)]
            tokens = self._tokens(prompt_before_audio(language, hotwords))
        return tokens

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def _embedding_table(folder: Path) -> Tensor:
    """Mapped, not read: a prompt needs some dozen rows of its 150,000, and all workers share the pages."""
    index = folder / "model.safetensors.index.json"
    name = json.loads(index.read_text())["weight_map"][_EMBEDDING] if index.exists() else "model.safetensors"
    with safe_open(folder / name, framework="pt") as file:
        return file.get_tensor(_EMBEDDING)
