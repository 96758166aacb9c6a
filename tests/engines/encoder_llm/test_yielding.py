"""Which encoders let language models go first on a card."""

from __future__ import annotations

import os

import pytest
import torch

from common.settings import Settings
from worker.engines.encoder_llm import engine


@pytest.mark.parametrize(("workers", "priority"), [(1, "1"), (3, None)])
def test_an_encoder_yields_where_its_worker_has_the_card_for_itself(
    workers: int, priority: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_MPS_CLIENT_PRIORITY", raising=False)
    seen: list[str | None] = []

    def make_context(_: torch.device) -> None:
        seen.append(os.environ.get("CUDA_MPS_CLIENT_PRIORITY"))

    monkeypatch.setattr(engine, "make_context", make_context)
    engine.create(Settings(workers=workers))
    assert seen == [priority]
    # What the engine starts goes first: it has nothing of it.
    assert "CUDA_MPS_CLIENT_PRIORITY" not in os.environ
