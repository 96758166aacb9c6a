"""Whether the event loop of this process still turns."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from common.clock import Clock
from common.notify import notify_alive
from common.ops_server import Reply, json_reply

# Long behind what stands still for a moment; half of what a supervisor waits by default.
STUCK_AFTER_S: Final = 30.0


class LoopHealth:
    """`tell` is for whoever started this process. `reply` may be called on any thread."""

    def __init__(
        self, clock: Clock, tell_every_s: float = 1.0, tell: Callable[[], None] = notify_alive
    ) -> None:
        self._clock = clock
        self._tell_every_s = tell_every_s
        self._tell = tell
        self._turned_at = self._told_at = clock.now()

    def turned(self) -> None:
        """To be called by the loop, some times a second."""
        now = self._turned_at = self._clock.now()
        if now - self._told_at >= self._tell_every_s:
            self._told_at = now
            self._tell()

    def reply(self) -> Reply:
        """For /healthz: 503 once the loop has stood still for `STUCK_AFTER_S`."""
        still_s = self._clock.now() - self._turned_at
        if still_s < STUCK_AFTER_S:
            return json_reply({"status": "ok"})
        stuck = {"status": "stuck", "detail": f"the event loop has stood still for {still_s:.0f} s"}
        return json_reply(stuck, HTTPStatus.SERVICE_UNAVAILABLE)
