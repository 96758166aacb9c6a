"""What is done to the processes of a deployment while sessions live: killed, or made to stand still."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cli.supervisor.ops import ChildView
from common.ops_client import FetchFailed
from tests.support.processes import Deployment
from tests.support.wire import eventually

WORKER: Final = "worker"
GATEWAY: Final = "gateway"
_LOOK_AGAIN_S: Final = 0.05
# Then sessions have nowhere to go until one is started again.
_ALL_AT_ONCE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Blow:
    """`at`: monotonic seconds before the signal; `worker`: as messages name it, or a gateway's number."""

    at: float
    worker: str


@dataclass(frozen=True, slots=True)
class _Target:
    """All processes with this role."""

    deployment: Deployment
    role: str

    def ready(self) -> Sequence[ChildView]:
        try:
            children = self.deployment.children().values()
        except FetchFailed:
            # The supervisor is busy with starting somebody.
            return ()
        return [child for child in children if child.role == self.role and child.state == "ready"]


async def kill(
    deployment: Deployment, rng: random.Random, count: int, within_s: float, role: str = WORKER
) -> list[Blow]:
    """SIGKILL at random times to one of those that are ready, or to the next that is, now and then to all of
    them; fewer than `count` if in the end none was."""
    began = time.monotonic()
    there = {WORKER: deployment.plan.workers, GATEWAY: deployment.plan.gateways}[role]
    blows: list[Blow] = []
    for after_s in sorted(rng.uniform(0, within_s) for _ in range(count)):
        await asyncio.sleep(began + after_s - time.monotonic())
        most = there if rng.random() < _ALL_AT_ONCE else 1
        most = min(most, count - len(blows))
        blows += await asyncio.to_thread(_kill_some, _Target(deployment, role), rng, most, began + within_s)
    return blows


async def stand_still(deployment: Deployment, rng: random.Random, times: int, seconds: float) -> list[Blow]:
    """SIGSTOP to one that has sessions, SIGCONT after so long; the next when all are ready again."""
    blows = []
    for _ in range(times):
        await eventually(lambda: len(_ready(deployment)) == deployment.plan.workers, 60, "all are ready")
        child = rng.choice(await asyncio.to_thread(_serving, deployment))
        assert child.pid is not None
        blows.append(Blow(time.monotonic(), str(child.index)))
        os.kill(child.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(child.pid, signal.SIGCONT)
        # Time for whatever the one that stood still has to say.
        await asyncio.sleep(2)
    return blows


def _kill_some(target: _Target, rng: random.Random, most: int, until: float) -> list[Blow]:
    """At least one, if one is ready in time."""
    if not most:
        return []
    while time.monotonic() < until:
        ready = target.ready()
        if killed := [blow for child in rng.sample(ready, min(most, len(ready))) for blow in _killed(child)]:
            return killed
        time.sleep(_LOOK_AGAIN_S)
    return []


def _killed(child: ChildView) -> Iterator[Blow]:
    """Nothing if it ended by itself between the look and the blow."""
    blow = Blow(time.monotonic(), str(child.index))
    if child.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
            yield blow


def _serving(deployment: Deployment) -> Sequence[ChildView]:
    return [child for child in _ready(deployment) if deployment.sessions(str(child.index))]


def _ready(deployment: Deployment) -> Sequence[ChildView]:
    return _Target(deployment, WORKER).ready()
