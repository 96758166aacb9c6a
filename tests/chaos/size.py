"""How much of everything: small enough for every day, from the environment for a long run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Clients do not come and go at once, and none is in step with another.
ARRIVAL_S: Final = 0.087


@dataclass(frozen=True, slots=True)
class Size:
    """`seconds_per_kill`: a worker that is killed often is away for 7 s each time, so with less than 2 s from
    kill to kill there is mostly none. `decode_ms`: of each text, one after another in a worker; for that long
    a worker can be killed in the middle of it."""

    sessions: int
    kills: int
    seconds_per_kill: float
    stops: int
    stop_s: float
    decode_ms: int

    @property
    def environ(self) -> Mapping[str, str]:
        """What the workers' engine is told."""
        return {"SCRIPTED_ENGINE_DELAY_MS": str(self.decode_ms)}

    @property
    def arrivals_s(self) -> float:
        return self.sessions * ARRIVAL_S

    @property
    def killing_s(self) -> float:
        return self.kills * self.seconds_per_kill

    @property
    def stopping_s(self) -> float:
        """Each with what a worker needs to be found again."""
        return self.stops * (self.stop_s + 4)


def _from_environment() -> Size:
    given = os.environ.get
    return Size(
        sessions=int(given("CHAOS_SESSIONS", "24")),
        kills=int(given("CHAOS_KILLS", "10")),
        seconds_per_kill=float(given("CHAOS_SECONDS_PER_KILL", "3")),
        stops=int(given("CHAOS_STOPS", "1")),
        stop_s=float(given("CHAOS_STOP_S", "6")),
        decode_ms=int(given("CHAOS_DECODE_MS", "20")),
    )


SIZE: Final = _from_environment()
