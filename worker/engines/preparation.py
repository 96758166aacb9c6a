"""What has to be done once for a model before any worker starts, for the engines that need it.

What prepares an engine is a function that takes the settings, returns a `PreparedModel` and raises
`CannotPrepare`; it does nothing where all is done already.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from common.settings import Settings

PREPARATIONS: Final[dict[str, str]] = {
    "fun-asr-nano": "worker.engines.encoder_llm.prepare:prepare_from_settings",
}


class CannotPrepare(Exception):
    """Workers would not start either; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """Absolute folders: the model, which is on this machine now, and what was made from it."""

    model: Path
    prepared: Path


def needs_preparation(engine: str) -> bool:
    return engine in PREPARATIONS


def prepare_model(settings: Settings) -> PreparedModel:
    """Prepare the model of `settings` for its engine. Slow, and loads libraries. Raises `CannotPrepare`."""
    path = PREPARATIONS.get(settings.engine)
    if path is None:
        raise CannotPrepare(
            f"engine {settings.engine} needs no preparation; these do: {', '.join(PREPARATIONS)}"
        )
    module_name, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise CannotPrepare(
            f"engine {settings.engine} needs packages that are not installed: {error}"
        ) from error
    # Hub clients print what they do; stdout belongs to whoever asked.
    with contextlib.redirect_stdout(sys.stderr):
        return cast(Callable[[Settings], PreparedModel], function)(settings)
