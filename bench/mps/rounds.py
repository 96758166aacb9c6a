"""The MPS daemon started and ended over and over, as the supervisor does it, a canary under it each time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.mps.canary import MOST_WRONG, Canary, CanaryDead, Program
from bench.mps.host import left_over
from bench.mps.record import Round
from cli.supervisor.mps_daemon import DaemonFailed, Folders, OwnDaemon
from common.settings import load_settings
from worker.mps import client_limits
from worker.mps_control import PIPES_VARIABLE, NoAnswer, clients, servers

_SHARE: Final = {"mps_memory_gib": 4.0, "mps_thread_percentage": 50}
# More than the share allows.
_CLAIM_GIB: Final = 6.0
_POLL_S: Final = 0.05
_ROOT: Final = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Kind:
    """What a canary is told: further environment, and how much memory to ask for."""

    name: str
    environ: dict[str, str]
    claim_gib: float = 0.0


def measure_rounds(folder: Path, program: Program, count: int, note: Callable[[Round], None]) -> None:
    """`count` rounds with a canary, one with a canary held to a share, one whose starter is killed. `folder`:
    short, as sockets lie in it."""
    folders = Folders(folder / "pipes", folder / "logs")
    limits = Kind("limits", client_limits(load_settings(_SHARE, {})), _CLAIM_GIB)
    later = Canary(program)
    try:
        for kind in [*[Kind("canary", {})] * count, limits]:
            bird, later = later, Canary(program)
            with bird:
                note(_round(folders, bird, kind))
    finally:
        later.end()
    note(_killed(folders))


def _round(folders: Folders, bird: Canary, kind: Kind) -> Round:
    try:
        measured = asyncio.run(_measured(folders, bird, kind))
    except (DaemonFailed, NoAnswer, CanaryDead) as error:
        measured = Round(kind.name, failure=str(error))
    return replace(measured, left=left_over())


async def _measured(folders: Folders, bird: Canary, kind: Kind) -> Round:
    daemon = OwnDaemon(folders, os.environ)
    began = time.monotonic()
    await daemon.start()
    started = time.monotonic()
    try:
        song = bird.sing({**kind.environ, PIPES_VARIABLE: str(daemon.pipes)}, kind.claim_gib)
        sung = time.monotonic()
        found = [pid for server in await servers(daemon.pipes) for pid in await clients(daemon.pipes, server)]
    finally:
        bird.end()
        stopping = time.monotonic()
        await daemon.stop()
    return Round(
        kind.name,
        start_s=started - began,
        canary_s=sung - started,
        stop_s=time.monotonic() - stopping,
        attached=song.pid in found,
        multiprocessors=song.multiprocessors,
        refused=song.refused,
        failure=f"the canary is {song.error:.1e} off" if song.error > MOST_WRONG else None,
    )


def _killed(folders: Folders) -> Round:
    flags = ("--pipes", str(folders.pipes), "--logs", str(folders.logs))
    command = (sys.executable, "-c", "from cli.main import main; main()", "mps", "start", *flags)
    began = time.monotonic()
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starter:
        try:
            failure = asyncio.run(_answered(folders.pipes, starter))
            start_s = time.monotonic() - began
        finally:
            starter.kill()
    return Round("killed", start_s=start_s, left=left_over(), failure=failure)


async def _answered(pipes: Path, starter: subprocess.Popen[bytes]) -> str | None:
    while starter.poll() is None:
        try:
            await servers(pipes)
        except NoAnswer:
            await asyncio.sleep(_POLL_S)
        else:
            return None
    return f"exit code {starter.returncode}"
