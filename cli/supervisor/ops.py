"""The supervisor's own ops port."""

from __future__ import annotations

import msgspec

from cli.pid_space import pid_space
from cli.supervisor.ends import EndBook
from cli.supervisor.metrics import SupervisorMetrics
from cli.supervisor.supervisor import Supervisor
from common.loop_health import LoopHealth
from common.ops_server import Reply, Route, json_reply, metrics_reply, ready_reply


class ChildView(msgspec.Struct, frozen=True):
    """One child in `/children`; `pid` is null while no process runs."""

    name: str
    role: str
    index: int
    state: str
    pid: int | None
    restarts: int


def routes(
    supervisor: Supervisor, metrics: SupervisorMetrics, ends: EndBook, health: LoopHealth
) -> dict[str, Route]:
    metrics.count_children(supervisor.count)
    return {
        "/healthz": health.reply,
        "/readyz": lambda: _ready(supervisor),
        "/metrics": lambda: metrics_reply(metrics.registry),
        "/children": lambda: json_reply({"pid_space": pid_space(), "children": children(supervisor)}),
        "/ends": lambda: json_reply(ends.view),
    }


def children(supervisor: Supervisor) -> list[ChildView]:
    return [
        ChildView(
            name=keeper.spec.name,
            role=keeper.spec.role.value,
            index=keeper.spec.index,
            state=keeper.state.value,
            pid=keeper.pid,
            restarts=keeper.restarts,
        )
        for keeper in supervisor.keepers
    ]


def _ready(supervisor: Supervisor) -> Reply:
    missing = supervisor.waiting_for()
    return ready_reply(
        not missing, f"waiting for {', '.join(missing)}" if missing else "all children are ready"
    )
