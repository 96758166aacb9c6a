"""Which model is run, and on what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from common.setting_groups.checked import checked_by
from common.setting_groups.reach import Rolling

_DEVICES: Final = re.compile(r"auto|cpu|cuda(:[1-9]?[0-9])?")


def _check_device(text: str) -> None:
    """Raises `ValueError`."""
    if not _DEVICES.fullmatch(text):
        raise ValueError(f"{text!r} is no device: auto, cpu, cuda, or cuda:N with N from 0 to 99")


_Device = Annotated[str, checked_by(_check_device)]


class Engine(BaseModel):
    engine: str = Field(default="moonshine", description="registered engine, or module:attribute")
    model: str | None = Field(
        default=None, description="model folder, or its id at the hub; the engine's own if not given"
    )
    hub: Literal["ms", "hf"] = Field(default="ms", description="where a model id is looked up")
    prepared: Path | None = Field(
        default=None, description="folder of the prepared weights; beside the model if not given"
    )
    device: _Device = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    mps: Literal["auto", "on", "off"] = Field(
        default="auto", description="CUDA's MPS daemon for the workers: where they use a card, always, never"
    )
    mps_memory_gib: Rolling[float | None] = Field(
        default=None,
        gt=0,
        description="GiB of the card for each process of a worker under MPS; no limit if not given",
    )
    mps_thread_percentage: Rolling[int | None] = Field(
        default=None,
        ge=1,
        le=100,
        description="percent of the multiprocessors for each process of a worker under MPS; all if not given",
    )
    dtype: Rolling[Literal["auto", "bf16", "fp32"]] = Field(
        default="auto", description="precision of model weights"
    )
    gpu_memory_utilization: Rolling[float] = Field(
        default=0.3, gt=0, le=1, description="share of the card that the language model may fill"
    )
    kv_cache_gib: Rolling[float] = Field(
        default=4.0, gt=0, description="GiB of key-value cache of the language model"
    )
    max_model_len: Rolling[int] = Field(
        default=2_048, ge=256, description="longest prompt with its text, in tokens"
    )
    tensor_parallel_size: Rolling[int] = Field(
        default=1, ge=1, description="cards that share one language model"
    )
    partial_mode: Rolling[Literal["auto", "window", "prefix"]] = Field(
        default="auto", description="partials anew from a window, or on from the agreed prefix"
    )
