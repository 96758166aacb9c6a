"""The engine's settings, with its model prepared."""

from __future__ import annotations

from pathlib import Path

from bench.engine_job import Engine
from common.settings import Settings
from worker.engines.preparation import prepare_model

ENGINE = "fun-asr-nano"


def prepared_settings(engine: Engine) -> Settings:
    """Prepares the model unless it is. Raises `CannotPrepare`."""
    settings = Settings(
        engine=ENGINE,
        model=engine.model,
        prepared=None if engine.prepared is None else Path(engine.prepared),
        device=engine.device,
        dtype=engine.dtype,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        kv_cache_gib=engine.kv_cache_gib,
        max_model_len=engine.max_model_len,
    )
    return settings.model_copy(update={"prepared": prepare_model(settings).prepared})
