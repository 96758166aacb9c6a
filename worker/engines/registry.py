"""Name to engine. A name with a colon is `module:attribute`, a factory that takes the settings."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from common.settings import Settings
from worker.engines.base import SegmentEngine
from worker.engines.hosted.engine import HostedEngine

EngineFactory = Callable[[Settings], SegmentEngine]


@dataclass(frozen=True, slots=True)
class _Entry:
    """`own_process`: it needs the interpreter so much that sessions beside it would wait. `on_card`: it
    computes on a card where there is one."""

    path: str
    own_process: bool = False
    on_card: bool = False


ENGINES: Final[dict[str, _Entry]] = {
    "moonshine": _Entry("worker.engines.moonshine:create"),
    "fun-asr-nano": _Entry("worker.engines.encoder_llm.engine:create", own_process=True, on_card=True),
}


class UnknownEngine(Exception):
    """The name leads to no engine."""


def may_use_card(name: str) -> bool | None:
    """Whether the engine computes on a card where there is one; None for one that is not registered."""
    entry = ENGINES.get(name)
    return None if entry is None else entry.on_card


def check_name(name: str) -> None:
    """Raises `UnknownEngine` for one that is not registered and no `module:attribute`."""
    module, _, attribute = name.partition(":")
    if name not in ENGINES and not (module and attribute):
        raise UnknownEngine(
            f"no engine is called {name!r}; there are: {', '.join(ENGINES)}, or your own as module:attribute"
        )


def create_engine(settings: Settings, name: str = "engine") -> SegmentEngine:
    """A worker's engine, in a process called `name` in logs if it is to have one; then whatever is wrong with
    it is found out when it starts. Raises `UnknownEngine`."""
    entry = ENGINES.get(settings.engine)
    return HostedEngine(settings, name) if entry is not None and entry.own_process else load_engine(settings)


def load_engine(settings: Settings) -> SegmentEngine:
    """In this process. Raises `UnknownEngine`; the engine's packages are imported only here."""
    check_name(settings.engine)
    entry = ENGINES.get(settings.engine)
    module_name, _, attribute = (settings.engine if entry is None else entry.path).partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, TypeError) as error:
        raise UnknownEngine(f"engine {settings.engine!r} cannot be loaded: {error}") from error
    return cast(EngineFactory, factory)(settings)
