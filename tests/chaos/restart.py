"""`voxshard rolling-restart --gateways` while sessions live, and what was counted of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.processes import ROOT, Deployment

_MOVES: Final = "asr_session_moves_total"
_REPLAYED: Final = "asr_replayed_audio_seconds_total"


@dataclass(frozen=True, slots=True)
class Moves:
    """From worker to worker, as the gateways count them. `at_rest`: those that a worker has handed over at an
    endpoint; the others were taken from it when it ended."""

    count: int
    at_rest: int
    replayed_s: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """`lines`: what the command said of each process. `ended_at`: monotonic seconds."""

    code: int
    lines: tuple[str, ...]
    moves: Moves
    seconds: float
    ended_at: float


async def restart_all(deployment: Deployment) -> Restarted:
    """Workers, then gateways."""
    began = time.monotonic()
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
    return Restarted(code, tuple(lines), moves, now - began, now)


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
