"""What is done to the workers of a deployment while sessions live: killed, or made to stand still."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cli.supervisor.ops import ChildView
from common.ops_client import FetchFailed
from tests.support.processes import Deployment
from tests.support.wire import eventually

_LOOK_AGAIN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Blow:
    """`at`: monotonic seconds, just before the signal; `worker`: as messages name it."""

    at: float
    worker: str


async def kill(deployment: Deployment, rng: random.Random, count: int, within_s: float) -> list[Blow]:
    """SIGKILL at random times to one of those that are ready, or to the next that is; fewer than `count` if
    in the end none was."""
    began = time.monotonic()
    blows = []
    for after_s in sorted(rng.uniform(0, within_s) for _ in range(count)):
        await asyncio.sleep(began + after_s - time.monotonic())
        if (blow := await asyncio.to_thread(_kill_one, deployment, rng, began + within_s)) is not None:
            blows.append(blow)
    return blows


async def stand_still(deployment: Deployment, rng: random.Random, times: int, seconds: float) -> list[Blow]:
    """SIGSTOP to one of them, SIGCONT after so long; the next when all are ready again."""
    blows = []
    for _ in range(times):
        await eventually(lambda: len(_ready(deployment)) == deployment.plan.workers, 60, "all are ready")
        child = rng.choice(await asyncio.to_thread(_ready, deployment))
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


def _kill_one(deployment: Deployment, rng: random.Random, until: float) -> Blow | None:
    while time.monotonic() < until:
        if ready := _ready(deployment):
            child = rng.choice(ready)
            blow = Blow(time.monotonic(), str(child.index))
            try:
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGKILL)
                    return blow
            except ProcessLookupError:
                # It ended by itself between the look and the blow.
                pass
        time.sleep(_LOOK_AGAIN_S)
    return None


def _ready(deployment: Deployment) -> Sequence[ChildView]:
    try:
        children = deployment.children().values()
    except FetchFailed:
        # The supervisor is busy with starting somebody.
        return ()
    return [child for child in children if child.role == "worker" and child.state == "ready"]
