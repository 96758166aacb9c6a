"""Who is connected to this gateway, and which session ids are live here."""

from __future__ import annotations

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

    @property
    def count(self) -> int:
        return len(self._ids)

    @property
    def connections(self) -> int:
        return len(self._connections)

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

    def restart(self) -> None:
        for connection in list(self._connections):
            connection.restart()

    def _report(self) -> None:
        self._metrics.connected(len(self._connections), len(self._ids))
