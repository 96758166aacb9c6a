"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

import asyncio
from typing import Final

from common.errors import SessionInUse
from gateway.boundary import tell
from gateway.metrics import GatewayMetrics
from gateway.session_seams import LiveClient

# Of the loop at a time.
_TURN_S: Final = 0.002


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

    def take_over(self, session_id: str, tenant: str) -> None:
        """Whoever has the session here lets it go: its client has come back over another connection. Raises
        `SessionInUse` where it is another tenant's by now."""
        holder = self._sessions.get(session_id)
        if holder is not None:
            if holder.tenant != tenant:
                raise SessionInUse()
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

    async def check_limits(self, now: float) -> None:
        """Others have their turns in between: a thousand clients may have stopped reading at one moment, and
        to end them all takes a while."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _TURN_S
        for connection in self.connections():
            tell(connection, connection.check_limits, now)
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + _TURN_S

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
