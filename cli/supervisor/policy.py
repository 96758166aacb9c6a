"""The life of one child, and what to do when it exits. No I/O; time is handed in."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.backoff import Backoff
from common.process import BOOT_FAILED, CARD_LOST

# A child that has been ready for so long was healthy: its next restart is quick again.
HEALTHY_AFTER_S: Final = 30.0
# From one attempt to the next of a child that does not boot any more: an engine takes a core, and its turn at
# the card, each time.
LONGEST_PAUSE_S: Final = 60.0


class ChildState(Enum):
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing_off"
    STOPPING = "stopping"
    STOPPED = "stopped"


class ChildEvent(Enum):
    SAID_READY = "said_ready"
    EXITED = "exited"
    RESTARTED = "restarted"
    TOLD_TO_STOP = "told_to_stop"


TRANSITIONS: Final[dict[ChildState, dict[ChildEvent, ChildState]]] = {
    ChildState.STARTING: {
        ChildEvent.SAID_READY: ChildState.READY,
        ChildEvent.EXITED: ChildState.BACKING_OFF,
        ChildEvent.TOLD_TO_STOP: ChildState.STOPPING,
    },
    ChildState.READY: {
        ChildEvent.EXITED: ChildState.BACKING_OFF,
        ChildEvent.TOLD_TO_STOP: ChildState.STOPPING,
    },
    ChildState.BACKING_OFF: {
        ChildEvent.RESTARTED: ChildState.STARTING,
        ChildEvent.TOLD_TO_STOP: ChildState.STOPPED,
    },
    ChildState.STOPPING: {ChildEvent.EXITED: ChildState.STOPPED},
    ChildState.STOPPED: {ChildEvent.TOLD_TO_STOP: ChildState.STOPPED},
}


def next_state(state: ChildState, event: ChildEvent) -> ChildState:
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise ValueError(f"{event.name} cannot happen while {state.name}")
    return following


@dataclass(frozen=True, slots=True)
class Restart:
    after_s: float


@dataclass(frozen=True, slots=True)
class Halt:
    """Starting it again would not help: everything ends, and `message` tells the user why."""

    message: str


Decision = Restart | Halt


class ChildLife:
    """State of one child over all its restarts."""

    def __init__(self, name: str, backoff: Backoff | None = None, boots: Backoff | None = None) -> None:
        """`backoff`: of one that was ready; `boots`: of one that did not become so again."""
        self._name = name
        self._backoff = backoff or Backoff()
        self._boots = boots or Backoff(limit_s=LONGEST_PAUSE_S)
        self._state = ChildState.STARTING
        self._ready_at: float | None = None

    @property
    def state(self) -> ChildState:
        return self._state

    def said_ready(self, now: float) -> None:
        self._advance(ChildEvent.SAID_READY)
        self._ready_at = now
        self._boots.reset()

    def exited(self, how: str, now: float, *, by_itself: bool = True) -> Decision:
        """What to do about an exit that the supervisor has not asked for; `how` completes "worker-0 ..."."""
        booting = self._state is ChildState.STARTING
        self._advance(ChildEvent.EXITED)
        decision = self._failed_boot(how) if booting else self._restart_ready(now, by_itself=by_itself)
        if isinstance(decision, Halt):
            self._advance(ChildEvent.TOLD_TO_STOP)
        return decision

    def recalled(self) -> Restart:
        """What to do about an exit that the supervisor wanted: nothing is held against it."""
        self._advance(ChildEvent.EXITED)
        self._backoff.reset()
        return Restart(after_s=0.0)

    def restarted(self) -> None:
        self._advance(ChildEvent.RESTARTED)

    def told_to_stop(self) -> None:
        self._advance(ChildEvent.TOLD_TO_STOP)

    def ended(self) -> None:
        """The child that was told to stop is gone."""
        self._advance(ChildEvent.EXITED)

    def _failed_boot(self, how: str) -> Decision:
        if self._ready_at is None:
            return Halt(f"{self._name} {how}; it was never ready")
        # The others serve, with all of their sessions; and what keeps it from booting may pass: memory that
        # another process took, a file that is being replaced, whoever kills it.
        return Restart(self._boots.next_delay_s())

    def _restart_ready(self, now: float, *, by_itself: bool) -> Decision:
        healthy = self._ready_at is not None and now - self._ready_at >= HEALTHY_AFTER_S
        # Whom somebody else has ended need not do so again by itself, and its sessions wait.
        if healthy or not by_itself:
            self._backoff.reset()
        return Restart(self._backoff.next_delay_s())

    def _advance(self, event: ChildEvent) -> None:
        self._state = next_state(self._state, event)


def describe_exit(code: int) -> str:
    """How a process ended, in words that follow its name; a negative code is a signal's number."""
    if code == BOOT_FAILED:
        return "could not boot (its own log says why)"
    if code == CARD_LOST:
        return "could not use its card (its own log says why)"
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
