"""Between the workers of an instance and their card: while it is shut, nobody is on the card."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Visit:
    """One worker process, from before it is started until nothing of it is left."""

    def __init__(self) -> None:
        self.recalled = False
        self._kill: Callable[[], None] | None = None

    def began(self, kill: Callable[[], None]) -> None:
        """`kill` ends the process; it may be called at once."""
        self._kill = kill
        if self.recalled:
            kill()

    def recall(self) -> None:
        self.recalled = True
        if self._kill is not None:
            self._kill()


class Gate:
    """Open at first. `heard` is told the exit code of each worker that ended without being recalled, None if
    it was never ready in time. `fault` names what all who lose the card now would lose it to; empty if that
    is no concern of the others."""

    def __init__(self) -> None:
        self.heard: Callable[[int | None], None] = lambda code: None
        self.fault = ""
        self._visits: set[Visit] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def enter(self) -> Visit:
        """Waits until it is open."""
        await self._open.wait()
        visit = Visit()
        self._visits.add(visit)
        self._empty.clear()
        return visit

    def leave(self, visit: Visit) -> None:
        self._visits.discard(visit)
        if not self._visits:
            self._empty.set()

    def ended(self, visit: Visit, code: int | None) -> None:
        if not visit.recalled:
            self.heard(code)

    async def clear(self) -> None:
        """Shut it, end whoever is on the card, and wait until all are gone."""
        self._open.clear()
        for visit in list(self._visits):
            visit.recall()
        await self._empty.wait()

    def open(self) -> None:
        self._open.set()
