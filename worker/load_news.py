"""When gateways are told of a worker's load between two heartbeats. Pure but for a timer of the event loop.

They place sessions by the number that each worker has. Several gateways in a burst of STARTs send whoever had
the fewest at the last heartbeat too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

# A tenth of a heartbeat: seven STARTs of 133 a second. All changes within it are told together.
TELL_WITHIN_S: Final = 0.05
# Of what they know: sessions that come and go in turn are no news.
_TOLD_SHARE: Final = 64


class LoadNews:
    def __init__(self, tell: Callable[[], None]) -> None:
        """`tell` is called on the event loop, and says `told` if it has told."""
        self._tell = tell
        self._told = 0
        self._timer: asyncio.TimerHandle | None = None

    def counted(self, sessions: int) -> None:
        """There are so many now."""
        if self._timer is None and abs(sessions - self._told) >= max(1, self._told // _TOLD_SHARE):
            self._timer = asyncio.get_running_loop().call_later(TELL_WITHIN_S, self._due)

    def told(self, sessions: int) -> None:
        """All gateways know of so many, whatever the reason was to tell them."""
        self._told = sessions
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._tell()
