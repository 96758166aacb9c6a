"""Where the settings of a command come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """Where settings come from, to be read more than once: flags that were given, variables, and a file."""

    flags: Mapping[str, Any]
    environ: Mapping[str, str]
    config: Path | None = None

    def load(self) -> Settings:
        """As they are now. Raises `SettingsError`."""
        return load_settings(self.flags, self.environ, self.config)
