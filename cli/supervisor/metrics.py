"""Series of the supervisor, on a registry that is handed in."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge

from cli.supervisor.card_policy import Trouble
from cli.supervisor.child import Role
from cli.supervisor.policy import ChildState


class MpsState(Enum):
    """`OFF`: workers run without MPS. `RECOVERING`: no worker is on the card until the daemon is back."""

    OFF = "off"
    RUNNING = "running"
    RECOVERING = "recovering"


class RestartCause(Enum):
    """`TOLD`: to drain, or to leave its card. `DIED`: nobody here wanted that."""

    TOLD = "told"
    DIED = "died"


class SupervisorMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._restarts = Counter(
            "asr_supervisor_restarts",
            "Times that a child was started again.",
            ["role", "cause"],
            registry=registry,
        )
        self._children = Gauge(
            "asr_supervisor_children", "Child processes by state.", ["role", "state"], registry=registry
        )
        for role, cause in product(Role, RestartCause):
            self._restarts.labels(role.value, cause.value)
        self._mps = Gauge("asr_mps_daemon", "1: the state of MPS.", ["state"], registry=registry)
        self.mps(MpsState.OFF)
        self.recoveries = Counter(
            "asr_card_recoveries", "Times that all workers left the card.", ["trouble"], registry=registry
        )
        for trouble in Trouble:
            self.recoveries.labels(trouble.value)

    def restarted(self, role: Role, cause: RestartCause) -> None:
        self._restarts.labels(role.value, cause.value).inc()

    def mps(self, now: MpsState) -> None:
        for state in MpsState:
            self._mps.labels(state.value).set(state is now)

    def count_children(self, count: Callable[[Role, ChildState], int]) -> None:
        """`count` is asked at every scrape, on the scrape's thread."""
        for role in Role:
            for state in ChildState:
                self._children.labels(role.value, state.value).set_function(_bound(count, role, state))


def _bound(count: Callable[[Role, ChildState], int], role: Role, state: ChildState) -> Callable[[], float]:
    return lambda: count(role, state)
