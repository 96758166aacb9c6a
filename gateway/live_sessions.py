"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

import asyncio

from common.errors import SessionInUse
from gateway.boundary import tell
from gateway.metrics import GatewayMetrics
from gateway.session_seams import LiveClient


class LiveSessions:
    def __init__(self, metrics: GatewayMetrics) -> None:
        self._connections: set[LiveClient] = set()
        self._sessions: dict[str, LiveClient] = {}
        self._metrics = metrics
        self._changed = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self._sessions)

    def check_free(self, session_id: str) -> None:
        """Raises `SessionInUse` while a session with this id is live here."""
        if session_id in self._sessions:
            raise SessionInUse()

    def take_over(self, session_id: str) -> None:
        """Whoever has the session here lets it go: its client has come back over another connection."""
        holder = self._sessions.get(session_id)
        if holder is not None:
            tell(holder, holder.resumed_elsewhere)

    def joined(self, connection: LiveClient) -> None:
        self._connections.add(connection)
        self._report()

    def left(self, connection: LiveClient) -> None:
        self._connections.discard(connection)
        self._report()

    def started(self, session_id: str, connection: LiveClient) -> None:
        self._sessions[session_id] = connection
        self._report()

    def ended(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)
        self._report()

    def check_limits(self, now: float) -> None:
        for connection in self.connections():
            tell(connection, connection.check_limits, now)

    def connections(self) -> list[LiveClient]:
        return list(self._connections)

    async def gone(self) -> None:
        """Return when nobody is connected any more."""
        while self._connections:
            self._changed.clear()
            await self._changed.wait()

    def _report(self) -> None:
        self._changed.set()
        self._metrics.connected(len(self._connections), len(self._sessions))
