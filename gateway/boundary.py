"""The boundary of a session: whatever goes wrong in one must not keep the others from being told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVarTuple

log = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")


class Breakable(Protocol):
    def broken(self) -> None:
        """Something has raised; end this session as well as it still can be."""
        ...


def tell(whom: Breakable, callback: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
    """One of its own methods; what that raises ends this one alone."""
    try:
        callback(*arguments)
    except Exception:
        log.exception("session failed")
        whom.broken()
