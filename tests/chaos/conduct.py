"""One run: sessions over a deployment, trouble, and the verdict on every history."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import uvloop

from tests.chaos.figures import Run
from tests.chaos.history import History
from tests.chaos.laws import check
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import ARRIVAL_S, SIZE
from tests.chaos.trouble import Blow
from tests.chaos.violations import Violation
from tests.support.processes import Deployment
from tests.support.trouble import SCHEDULE, SEED

_CALM_S: Final = 1.0
"""From the last START to the first blow."""

# For the last answers, and for a machine that is busy; pytest's own limit has booting besides.
_SLACK_S: Final = 180.0

Trouble = Callable[[Deployment, random.Random], Awaitable[list[Blow]]]
Client = Callable[[str, Script], Awaitable[History]]
"""One session at this address, with this script."""


def limit_s(seconds: float) -> float:
    """Of a run with so many seconds of trouble."""
    return SIZE.arrivals_s + seconds + _SLACK_S


def length_ms(seconds: float) -> int:
    """Of each session in a run with so many seconds of trouble."""
    return round(1000 * (_CALM_S + seconds))


def run_under(
    deployment: Deployment,
    trouble: Trouble,
    seconds: float,
    *,
    front: str | None = None,
    client: Client = record,
) -> Run:
    """`front`: address of what stands before the gateways, if something does. Raises `TimeoutError`."""

    async def bounded() -> Run:
        async with asyncio.timeout(limit_s(seconds)):
            return await _run_under(
                deployment, trouble, seconds, partial(client, at(front or deployment.url))
            )

    # The clients of a run are one process on the machine that they measure: the less they take, the better. A
    # collection goes through all histories, and all clients stand still for 100 ms.
    gc.disable()
    try:
        return uvloop.run(bounded())
    finally:
        gc.enable()


def at(url: str) -> str:
    """Where each pause of a script ends a segment."""
    return f"{url}/?silence_schedule={SCHEDULE}"


async def _run_under(
    deployment: Deployment, trouble: Trouble, seconds: float, session: Callable[[Script], Awaitable[History]]
) -> Run:
    """`seconds`: for which there is trouble. All sessions live when it begins; they end one after another, as
    they came, while there is still some."""

    async def one(number: int) -> History:
        await asyncio.sleep(number * ARRIVAL_S)
        return await session(Script(number, length_ms(seconds)))

    async with asyncio.TaskGroup() as tasks:
        sessions = [
            tasks.create_task(one(number), name=f"session-{number}") for number in range(SIZE.sessions)
        ]
        await asyncio.sleep(SIZE.arrivals_s + _CALM_S)
        blows = await trouble(deployment, random.Random(SEED))
    metrics = await asyncio.to_thread(deployment.metrics, deployment.gateway_url(0))
    return Run(tuple(session.result() for session in sessions), tuple(blows), metrics)


def verdict(run: Run) -> list[Violation]:
    return [violation for history in run.histories for violation in check(history)]
