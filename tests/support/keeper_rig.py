"""A keeper of little children, with what all keepers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cli.supervisor.child import QUICKLY, ChildSpec, Role
from cli.supervisor.ends import EndBook
from cli.supervisor.keeper import Keeper, Surroundings
from cli.supervisor.metrics import RestartCause, SupervisorMetrics
from cli.supervisor.notify_socket import open_notify_socket
from cli.supervisor.policy import ChildLife, Halt
from common.backoff import Backoff
from common.clock import MonotonicClock
from tests.support.children import child_environ


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[Surroundings]:
    path = folder / "notify.sock"
    async with open_notify_socket(path) as notify, asyncio.timeout(10):
        metrics = SupervisorMetrics(CollectorRegistry())
        environ = child_environ(path)
        yield Surroundings(environ, notify, metrics, EndBook(), MonotonicClock(), boot_limit_s=60.0)


def keeper_of(argv: tuple[str, ...], around: Surroundings) -> Keeper:
    life = ChildLife("worker-0", *(Backoff(first_s=0.001, limit_s=0.002) for _ in range(2)))
    return Keeper(ChildSpec(Role.WORKER, 0, argv), around, life)


async def stop(keeper: Keeper, running: asyncio.Task[Halt]) -> None:
    keeper.told_to_stop(QUICKLY[Role.WORKER])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def restarts(around: Surroundings) -> dict[str, float | None]:
    value = around.metrics.registry.get_sample_value
    causes = {cause.value: {"role": "worker", "cause": cause.value} for cause in RestartCause}
    return {name: value("asr_supervisor_restarts_total", labels) for name, labels in causes.items()}
