"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final, Protocol

from common.errors import SessionInUse
from gateway.metrics import GatewayMetrics

# For close frames to leave; nobody waits for clients that do not answer.
CLOSE_FRAMES_S: Final = 0.5


class Limited(Protocol):
    def check_limits(self, now: float) -> None: ...

    def restart(self) -> None: ...

    def restart_now(self) -> None: ...


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
        for connection in list(self._connections):
            connection.check_limits(now)

    async def restart(self, grace_s: float) -> None:
        """Send everybody away: sessions have `grace_s` to be finished, connections a moment to be closed."""
        for connection in list(self._connections):
            connection.restart()
        await self._until_none(self._ids, grace_s)
        for connection in list(self._connections):
            connection.restart_now()
        await self._until_none(self._connections, CLOSE_FRAMES_S)

    async def _until_none(self, of: Collection[object], seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while of:
                    self._changed.clear()
                    await self._changed.wait()

    def _report(self) -> None:
        self._changed.set()
        self._metrics.connected(len(self._connections), len(self._ids))
