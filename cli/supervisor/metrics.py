"""Series of the supervisor, on a registry that is handed in."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from cli.supervisor.child import Role
from cli.supervisor.policy import ChildState


class SupervisorMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.restarts = Counter(
            "asr_supervisor_restarts", "Times that a child was started again.", ["role"], registry=registry
        )
        self._children = Gauge(
            "asr_supervisor_children", "Child processes by state.", ["role", "state"], registry=registry
        )
        for role in Role:
            self.restarts.labels(role.value)

    def count_children(self, count: Callable[[Role, ChildState], int]) -> None:
        """`count` is asked at every scrape, on the scrape's thread."""
        for role in Role:
            for state in ChildState:
                self._children.labels(role.value, state.value).set_function(_bound(count, role, state))


def _bound(count: Callable[[Role, ChildState], int], role: Role, state: ChildState) -> Callable[[], float]:
    return lambda: count(role, state)
