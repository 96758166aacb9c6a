"""How the children of a supervisor ended, as its ops port tells at `/ends`."""

from __future__ import annotations

import msgspec


class ChildEnd(msgspec.Struct, frozen=True):
    """`incarnation` names one process for ever. `by_itself`: nobody from outside ended it, or it hung.
    `fault` names that of the card that ended it, the same for all whom it reached; empty if there was none,
    or nobody else."""

    incarnation: str
    how: str
    by_itself: bool
    fault: str = ""


class Ends(msgspec.Struct, frozen=True):
    """The incarnations that run, and the newest ends."""

    running: tuple[str, ...] = ()
    ended: tuple[ChildEnd, ...] = ()
