"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from common.errors import SessionInUse
from gateway.metrics import GatewayMetrics

log = logging.getLogger(__name__)

# For close frames to leave; nobody waits for clients that do not answer.
CLOSE_FRAMES_S: Final = 0.5


class Limited(Protocol):
    def check_limits(self, now: float) -> None: ...

    def restart(self) -> None: ...

    def restart_now(self) -> None: ...

    def broken(self) -> None: ...


class LiveSessions:
    def __init__(self, metrics: GatewayMetrics) -> None:
        self._connections: set[Limited] = set()
        self._ids: set[str] = set()
        self._metrics = metrics
        self._changed = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self._ids)

    def check_free(self, session_id: str) -> None:
        """Raises `SessionInUse` while a session with this id is live here."""
        if session_id in self._ids:
            raise SessionInUse()

    def joined(self, connection: Limited) -> None:
        self._connections.add(connection)
        self._report()

    def left(self, connection: Limited) -> None:
        self._connections.discard(connection)
        self._report()

    def started(self, session_id: str) -> None:
        self._ids.add(session_id)
        self._report()

    def ended(self, session_id: str) -> None:
        self._ids.discard(session_id)
        self._report()

    def check_limits(self, now: float) -> None:
        self._tell_all(lambda connection: connection.check_limits(now))

    async def restart(self, grace_s: float) -> None:
        """Send everybody away: sessions have `grace_s` to be finished, connections a moment to be closed."""
        self._tell_all(lambda connection: connection.restart())
        await self._until_none(self._ids, grace_s)
        self._tell_all(lambda connection: connection.restart_now())
        await self._until_none(self._connections, CLOSE_FRAMES_S)

    def _tell_all(self, tell: Callable[[Limited], None]) -> None:
        for connection in list(self._connections):
            try:
                tell(connection)
            except Exception:
                # Whatever goes wrong in one connection must not keep the others from being told.
                log.exception("live connection failed")
                connection.broken()

    async def _until_none(self, of: Collection[object], seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while of:
                    self._changed.clear()
                    await self._changed.wait()

    def _report(self) -> None:
        self._changed.set()
        self._metrics.connected(len(self._connections), len(self._ids))
