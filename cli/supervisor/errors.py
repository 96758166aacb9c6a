"""Why `voxshard serve` could not begin; the user can set each of them right."""

from __future__ import annotations


class CannotServe(Exception):
    """Nothing was started. The message is one line and says what to change."""


class PortUnusable(CannotServe):
    pass


class PortTaken(PortUnusable):
    pass


class RunDirUnusable(CannotServe):
    pass
