"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

import asyncio
from typing import Protocol

from common.errors import SessionInUse
from gateway.metrics import GatewayMetrics


class Limited(Protocol):
    def check_limits(self, now: float) -> None: ...

    def restart(self) -> None: ...


class LiveSessions:
    def __init__(self, metrics: GatewayMetrics) -> None:
        self._connections: set[Limited] = set()
        self._ids: set[str] = set()
        self._metrics = metrics
        self._empty = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self._ids)

    def check_free(self, session_id: str) -> None:
        """Raises `SessionInUse` while a session with this id is live here."""
        if session_id in self._ids:
            raise SessionInUse()

    def joined(self, connection: Limited) -> None:
        self._connections.add(connection)
        self._empty.clear()
        self._report()

    def left(self, connection: Limited) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
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

    async def restart(self) -> None:
        """Send everybody away; returns when the last one has gone."""
        for connection in list(self._connections):
            connection.restart()
        if self._connections:
            await self._empty.wait()

    def _report(self) -> None:
        self._metrics.connected(len(self._connections), len(self._ids))
