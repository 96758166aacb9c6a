"""A live connection that notes what it is told, and leaves when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.live_sessions import LiveSessions


@dataclass(eq=False)
class NotedClient:
    """`leaves_at`, `raises_at`: the call at which it is gone, or breaks."""

    sessions: LiveSessions
    leaves_at: str = "leave"
    raises_at: str = ""
    at_rest: bool = True
    tenant: str = ""
    calls: list[str] = field(default_factory=list)

    def check_limits(self, now: float) -> None:
        self._called(f"limits at {now}")

    def come_to_rest(self) -> None:
        self._called("come to rest")

    def leave(self) -> None:
        self._called("leave")

    def resumed_elsewhere(self) -> None:
        self._called("resumed elsewhere")

    def broken(self) -> None:
        self._called("broken")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self.raises_at:
            raise RuntimeError(name)
        if name == self.leaves_at:
            self.sessions.left(self)


def joined(
    sessions: LiveSessions, *, leaves_at: str = "leave", raises_at: str = "", at_rest: bool = True
) -> NotedClient:
    client = NotedClient(sessions, leaves_at, raises_at, at_rest)
    sessions.joined(client)
    return client
