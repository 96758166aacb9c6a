"""`voxshard rolling-restart --gateways` while sessions live, and what was counted of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common.ops_client import FetchFailed
from tests.support.exposition import Metrics
from tests.support.processes import ROOT, Deployment

_MOVES: Final = "asr_session_moves_total"
_DEPARTURES: Final = "asr_gateway_departures_total"
_REPLAYED: Final = "asr_replayed_audio_seconds_total"


@dataclass(frozen=True, slots=True)
class Moves:
    """From worker to worker, as the gateways count them. `at_rest`: those that a worker has handed over at an
    endpoint; the others were taken from it when it ended."""

    count: int
    at_rest: int
    replayed_s: float


@dataclass(slots=True)
class Departures:
    """From gateway to gateway, as they count themselves until they end; what happened in the last tenths of a
    second before that is missed."""

    at_rest: dict[str, int] = field(default_factory=dict)
    forced: dict[str, int] = field(default_factory=dict)

    def saw(self, gateway: str, metrics: Metrics) -> None:
        for how, seen in (("at_rest", self.at_rest), ("forced", self.forced)):
            seen[gateway] = max(seen.get(gateway, 0), round(metrics.total(_DEPARTURES, how=how)))

    @property
    def count(self) -> int:
        return self.count_at_rest + sum(self.forced.values())

    @property
    def count_at_rest(self) -> int:
        return sum(self.at_rest.values())


@dataclass(frozen=True, slots=True)
class Restarted:
    """`lines`: what the command said of each process. `ended_at`: monotonic seconds."""

    code: int
    lines: tuple[str, ...]
    moves: Moves
    departures: Departures
    seconds: float
    ended_at: float


async def restart_all(deployment: Deployment) -> Restarted:
    """Workers, then gateways."""
    began, departures = time.monotonic(), Departures()
    watching = asyncio.create_task(_watch(deployment, departures), name="departures")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("voxshard")),
        *("rolling-restart", "--gateways", "--supervisor", deployment.supervisor_url),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines, moves = [], Moves(0, 0, 0.0)
    async for line in process.stdout:
        lines.append(line.decode().strip())
        if len(lines) == deployment.plan.workers:
            # Now: each gateway counts from its own start.
            moves = await asyncio.to_thread(_moves, deployment)
    code, now = await process.wait(), time.monotonic()
    watching.cancel()
    return Restarted(code, tuple(lines), moves, departures, now - began, now)


async def _watch(deployment: Deployment, departures: Departures) -> None:
    while True:
        for index in range(deployment.plan.gateways):
            with suppress(FetchFailed):
                metrics = await asyncio.to_thread(deployment.metrics, deployment.gateway_url(index))
                departures.saw(str(index), metrics)
        await asyncio.sleep(0.1)


def _moves(deployment: Deployment) -> Moves:
    gateways = range(deployment.plan.gateways)
    counted = [deployment.metrics(deployment.gateway_url(index)) for index in gateways]
    return Moves(
        count=round(sum(metrics.total(_MOVES) for metrics in counted if metrics.has(_MOVES))),
        at_rest=round(
            sum(
                metrics.total(_MOVES, reason="drain")
                for metrics in counted
                if metrics.has(_MOVES, reason="drain")
            )
        ),
        replayed_s=sum(metrics.total(_REPLAYED) for metrics in counted),
    )
