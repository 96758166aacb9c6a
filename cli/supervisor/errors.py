"""Why `voxshard serve` could not begin; the user can set each of them right."""

from __future__ import annotations


class CannotServe(Exception):
    """Nothing was started. The message is one line and says what to change."""


class NotAsFound(CannotServe):
    """Of this machine. `found` and `do` are the halves of the message, for whoever shows them apart."""

    def __init__(self, found: str, do: str) -> None:
        super().__init__(f"{found}: {do}")
        self.found = found
        self.do = do


class PortUnusable(NotAsFound):
    pass


class PortTaken(PortUnusable):
    pass


class RunDirUnusable(NotAsFound):
    pass
