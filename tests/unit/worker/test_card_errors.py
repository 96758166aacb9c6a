from __future__ import annotations

import pytest

from worker.card_errors import engine_dead, is_card_error
from worker.engines.base import CardLost, EngineDead
from worker.mps import NotAttached


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
        RuntimeError("CUDA driver error: unspecified launch failure"),
        RuntimeError("Unexpected error from cudaGetDeviceCount(). Error 807: MPS server is not ready"),
        CardLost("the encoder failed"),
        NotAttached("not a client"),
    ],
)
def test_what_ends_the_use_of_a_card(error: Exception) -> None:
    assert is_card_error(error)
    assert type(engine_dead("it failed", error)) is CardLost


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("it gives what is no number"),
        ValueError("CUDA error: so says a file"),
        EngineDead("the engine's process is gone"),
    ],
)
def test_what_does_not(error: Exception) -> None:
    assert not is_card_error(error)
    dead = engine_dead("it failed", error)
    assert (type(dead), str(dead)) == (EngineDead, "it failed")
