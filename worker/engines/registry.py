"""Name to engine. A name with a colon is `module:attribute`, a factory that takes the settings."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final, cast

from common.settings import Settings
from worker.engines.base import SegmentEngine

EngineFactory = Callable[[Settings], SegmentEngine]

ENGINES: Final[dict[str, str]] = {
    "moonshine": "worker.engines.moonshine:create",
    "fun-asr-nano": "worker.engines.encoder_llm.engine:create",
}


class UnknownEngine(Exception):
    """The name leads to no engine."""


def create_engine(settings: Settings) -> SegmentEngine:
    """Raises `UnknownEngine`; the engine's packages are imported only here."""
    path = ENGINES.get(settings.engine, settings.engine)
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise UnknownEngine(f"no engine is called {settings.engine!r}; there are: {', '.join(ENGINES)}")
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, TypeError) as error:
        raise UnknownEngine(f"engine {settings.engine!r} cannot be loaded: {error}") from error
    return cast(EngineFactory, factory)(settings)
