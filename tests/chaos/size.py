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


@dataclass(frozen=True, slots=True)
class Overload:
    """A worker's engine decodes `lanes` windows at a time, each in `service_ms`; `speakers` sessions are what
    a worker is let have: about half of what its engine can do. `seconds`: of each load."""

    lanes: int
    service_ms: int
    speakers: int
    workers: int
    seconds: float

    @property
    def environ(self) -> Mapping[str, str]:
        """What the workers' engine is told."""
        return {"SCRIPTED_ENGINE_DELAY_MS": str(self.service_ms), "SCRIPTED_ENGINE_LANES": str(self.lanes)}

    @property
    def capacity(self) -> int:
        """Sessions of all workers."""
        return self.speakers * self.workers


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stream of real speech, and how often the worker that serves it is killed in mid-sentence."""

    seconds: float
    kills: int


@dataclass(frozen=True, slots=True)
class Stalled:
    """`readers`: sessions that speak and never read; `handshakes`: sockets that send theirs byte by byte;
    `healthy`: sessions beside them; `seconds`: how long these are measured without the others, then with."""

    readers: int
    handshakes: int
    healthy: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Gateways:
    """`kills` of gateways, each with so many seconds; `restart_s`: for a rolling restart of all processes."""

    kills: int
    seconds_per_kill: float
    restart_s: float

    @property
    def killing_s(self) -> float:
        return self.kills * self.seconds_per_kill


@dataclass(frozen=True, slots=True)
class Fronts:
    """`reloads` of what stands before the gateways, each with so many seconds; `quiet_s`: of sessions in
    which nobody speaks."""

    reloads: int
    seconds_per_reload: float
    quiet_s: float

    @property
    def reloading_s(self) -> float:
        return self.reloads * self.seconds_per_reload

    @property
    def idle_s(self) -> float:
        """The limit that is told to gateways: their usual one if the run is long enough to tell anything."""
        return min(60.0, self.quiet_s / 5)


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


def _overload() -> Overload:
    given = os.environ.get
    return Overload(
        lanes=int(given("CHAOS_LANES", "8")),
        service_ms=int(given("CHAOS_SERVICE_MS", "400")),
        speakers=int(given("CHAOS_SPEAKERS", "8")),
        workers=int(given("CHAOS_WORKERS", "2")),
        seconds=float(given("CHAOS_LOAD_S", "24")),
    )


def _spoken() -> Spoken:
    given = os.environ.get
    return Spoken(seconds=float(given("CHAOS_SPOKEN_S", "60")), kills=int(given("CHAOS_SPOKEN_KILLS", "3")))


def _gateways() -> Gateways:
    given = os.environ.get
    return Gateways(
        kills=int(given("CHAOS_GATEWAY_KILLS", "4")),
        seconds_per_kill=float(given("CHAOS_SECONDS_PER_GATEWAY_KILL", "6")),
        restart_s=float(given("CHAOS_RESTART_S", "45")),
    )


def _fronts() -> Fronts:
    given = os.environ.get
    return Fronts(
        reloads=int(given("CHAOS_RELOADS", "3")),
        seconds_per_reload=float(given("CHAOS_SECONDS_PER_RELOAD", "5")),
        quiet_s=float(given("CHAOS_QUIET_S", "20")),
    )


def _stalled() -> Stalled:
    given = os.environ.get
    return Stalled(
        readers=int(given("CHAOS_STALLED", "50")),
        handshakes=int(given("CHAOS_SLOW_HANDSHAKES", "20")),
        healthy=int(given("CHAOS_HEALTHY", "20")),
        seconds=float(given("CHAOS_STALLED_S", "15")),
    )


SIZE: Final = _from_environment()
OVERLOAD: Final = _overload()
GATEWAYS: Final = _gateways()
FRONTS: Final = _fronts()
SPOKEN: Final = _spoken()
STALLED: Final = _stalled()
