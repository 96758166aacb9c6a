"""Vectors for the language model: what is no number never reaches it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.support.clips import Clip
from tests.support.nano_engine import NanoEngine
from worker.engines.base import EngineDead
from worker.engines.encoder_llm.graphs import Heard
from worker.engines.encoder_llm.rows import Rows, are_finite, rows_of


def rows(dtype: torch.dtype, odd: float) -> Rows:
    tensor = torch.linspace(-1e30, 1e30, 40, dtype=dtype).reshape(4, 10)
    tensor[2, 3] = odd
    return rows_of(tensor)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    ("odd", "finite"),
    [
        (0.0, True),
        (-3.0e38, True),
        (1e-40, True),
        (float("inf"), False),
        (float("-inf"), False),
        (float("nan"), False),
    ],
)
def test_what_is_no_number_is_found(dtype: torch.dtype, odd: float, finite: bool) -> None:
    assert are_finite(rows(dtype, odd)) is finite


def test_an_encoder_that_gives_no_numbers_is_dead(nano: NanoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = nano.parts.audio._runner
    run = runner.run

    def spoiled(*arguments: Any) -> list[Heard]:
        heard = run(*arguments)
        return [one._replace(rows=np.full_like(one.rows, np.nan)) for one in heard]

    monkeypatch.setattr(runner, "run", spoiled)
    clip = Clip(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), None, ())
    with pytest.raises(EngineDead, match="no number"):
        nano.run(nano.transcribe(clip))
    monkeypatch.undo()
    assert nano.run(nano.transcribe(clip)).text
