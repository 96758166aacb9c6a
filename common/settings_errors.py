"""Why settings cannot be used."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(Exception):
    """The settings cannot be used; the message names each and says why."""


class UnknownVariables(SettingsError):
    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"unknown variables: {', '.join(names)}")
        self.names = tuple(names)


class ConfigUnreadable(SettingsError):
    pass
