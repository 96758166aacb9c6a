"""Turns of the event loop for those who want more than a little of it at a time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

# For all of them together; then the loop does what else there is to do.
_TURN_S: Final = 0.002


class Turns:
    """Works in the order in which they were asked for; each should be short, and may ask for its next turn.

    However many wait here, whoever does not is kept waiting no longer than one turn.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._works: deque[Callable[[], None]] = deque()
        self._is_due = False

    def ask(self, work: Callable[[], None]) -> None:
        self._works.append(work)
        self._go_on()

    def _go_on(self) -> None:
        if self._works and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        until = time.thread_time() + _TURN_S
        try:
            while self._works and time.thread_time() < until:
                self._works.popleft()()
        finally:
            self._go_on()
