"""What to start: command lines and environment of the children; and how they are to end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.supervisor.child import QUICKLY, ChildSpec, Role, StopOrders, draining
from common.settings import Settings
from worker.environment import DEFAULTS


def plan_children(settings: Settings, settings_file: Path, parent: int) -> list[ChildSpec]:
    """`parent`: process id of the supervisor, by which a child sees whether it is still there."""
    counts = {Role.WORKER: settings.workers, Role.GATEWAY: settings.gateways}
    return [
        ChildSpec(role, index, _argv(role, index, settings_file, parent))
        for role, count in counts.items()
        for index in range(count)
    ]


def stop_orders(settings: Settings, told: signal.Signals) -> StopOrders:
    """Of a supervisor that is told to stop. Without Redis nobody else knows its sessions, and whoever sends
    SIGINT waits for it at a terminal."""
    drains = told is signal.SIGTERM and settings.redis_url is not None
    return draining(settings.drain_timeout) if drains else QUICKLY


def child_environ(
    environ: Mapping[str, str], notify_path: Path, search_path: Sequence[str], folder: str
) -> dict[str, str]:
    """The parent's environment, with its own module search path, then `folder`, passed on.

    What a worker would set itself is there before it begins: numpy reads it with the first import.
    """
    return {
        **DEFAULTS,
        **environ,
        "NOTIFY_SOCKET": str(notify_path),
        "PYTHONPATH": python_path(search_path, folder),
    }


def python_path(search_path: Sequence[str], folder: str) -> str:
    """PYTHONPATH by which a child finds what is found here."""
    return os.pathsep.join(entry for entry in dict.fromkeys([*search_path, folder]) if entry)


def _argv(role: Role, index: int, settings_file: Path, parent: int) -> tuple[str, ...]:
    # `-m` alone would search the current folder first, and `worker` and `gateway` are common names: -P
    # keeps it out. PYTHONPATH brings it back behind everything else, for `--engine my_module:attribute`.
    command = (sys.executable, "-P", "-m", role.value)
    return (*command, "--index", str(index), "--settings", str(settings_file), "--parent", str(parent))
