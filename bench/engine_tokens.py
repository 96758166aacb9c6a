"""How much was said: tokens of texts, counted alike for every engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from worker.engines.encoder_llm.checkpoint import LANGUAGE_MODEL_NAME


class TokenCounter:
    """By the checkpoint's tokenizer. Engines tell texts, so the end mark does not count."""

    def __init__(self, model: Path) -> None:
        from transformers import AutoTokenizer  # noqa: PLC0415

        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            model / LANGUAGE_MODEL_NAME, local_files_only=True
        )

    def count(self, texts: Iterable[str]) -> int:
        """Cleaning has removed the blank that a text began with."""
        return sum(
            len(self._tokenizer.encode(f" {text}", add_special_tokens=False)) for text in texts if text
        )
