"""How long a client may be silent, without a session, or in one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import IdleTimeout, SessionTooLong, StartTimeout, VoxshardError
from common.session import SessionState


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `idle_s`: without a message; `start_s`: without a session; `session_s`: from START on."""

    idle_s: float
    start_s: float
    session_s: float


@dataclass(slots=True)
class LimitsWatch:
    """Of one connection. `heard_at`: when the client last said anything. `turned_at`: when its session began;
    where there is none, when the last one ended, or when the client came."""

    limits: TimeLimits
    heard_at: float
    turned_at: float

    def overdue(self, state: SessionState, now: float, *, reading: bool) -> VoxshardError | None:
        """What the connection has to be ended with. Nobody is blamed while a session opens or finishes, nor
        for silence while it is not read from."""
        limits, in_state_s = self.limits, now - self.turned_at
        if state is SessionState.IDLE and in_state_s > limits.start_s:
            return StartTimeout()
        if state is SessionState.STREAMING and in_state_s > limits.session_s:
            return SessionTooLong()
        listening = reading and state in (SessionState.IDLE, SessionState.STREAMING)
        return IdleTimeout() if listening and now - self.heard_at > limits.idle_s else None
