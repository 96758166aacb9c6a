"""The card of the settings, and the MPS daemon beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from cli.doctor.checks.card import Card, CardFacts, ComputeMode, MpsFacts
from cli.doctor.probes.nvml import NoDriver, driver
from cli.supervisor.mps_choice import MpsUnusable, choose_daemon
from cli.supervisor.mps_daemon import ForeignDaemon
from common.settings import Settings
from worker.gpu import is_cuda, visible_card
from worker.mps_control import CONTROL, NoAnswer, servers

_WEIGHTS: Final = "model.pt"


def probe_card(settings: Settings) -> CardFacts | None:
    """None without a driver: whether one is needed is a matter of the libraries."""
    device = "cuda" if settings.device == "auto" else settings.device
    try:
        with driver() as pynvml:
            card = _card(pynvml, device)
    except NoDriver:
        return None
    if card is None and settings.device == "auto":
        return None
    mps = _mps(settings)
    return CardFacts(card, mps.wanted, mps.theirs, mps.refused, os.geteuid(), _weights(settings))


def _card(pynvml: Any, device: str) -> Card | None:
    which = visible_card(device, os.environ) if is_cuda(device) else None
    if which is None:
        return None
    try:
        handle = (
            pynvml.nvmlDeviceGetHandleByIndex(int(which))
            if which.isdecimal()
            else pynvml.nvmlDeviceGetHandleByUUID(which)
        )
    except pynvml.NVMLError:
        return None
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Card(
        name=pynvml.nvmlDeviceGetName(handle),
        total=memory.total,
        free=memory.free,
        mode=_mode(pynvml, handle),
        processes=_processes(pynvml, handle),
    )


# Of parts of a card, and under WSL, some drivers do not tell the next two.


def _mode(pynvml: Any, handle: Any) -> ComputeMode:
    try:
        return ComputeMode(pynvml.nvmlDeviceGetComputeMode(handle))
    except pynvml.NVMLError:
        return ComputeMode.DEFAULT


def _processes(pynvml: Any, handle: Any) -> tuple[str, ...]:
    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError:
        return ()
    return tuple(_named(process.pid) for process in running)


def _named(pid: int) -> str:
    try:
        return f"{pid} {psutil.Process(pid).name()}"
    except psutil.Error:
        # In another container, or gone.
        return str(pid)


@dataclass(frozen=True, slots=True)
class _Mps:
    """As `CardFacts` has it."""

    wanted: bool = False
    theirs: MpsFacts | None = None
    refused: str | None = None


def _mps(settings: Settings) -> _Mps:
    run_dir = settings.run_dir or Path(tempfile.gettempdir()) / "voxshard-12345678"
    try:
        daemon = choose_daemon(settings, run_dir, os.environ)
    except MpsUnusable as error:
        return _Mps(wanted=True, refused=str(error))
    if daemon is None:
        return _Mps()
    if isinstance(daemon, ForeignDaemon):
        return _Mps(wanted=True, theirs=_theirs(daemon.pipes))
    missing = None if shutil.which(CONTROL) else f"{CONTROL} is not installed; it comes with the driver"
    return _Mps(wanted=True, refused=missing)


def _theirs(pipes: Path) -> MpsFacts:
    owner = _owner(pipes)
    try:
        asyncio.run(servers(pipes))
    except NoAnswer as error:
        return MpsFacts(str(pipes), owner, str(error))
    return MpsFacts(str(pipes), owner)


def _owner(pipes: Path) -> int | None:
    try:
        return pipes.stat().st_uid
    except PermissionError:
        # It lies in a folder that is somebody else's alone.
        return _owner(pipes.parent)
    except OSError:
        return None


def _weights(settings: Settings) -> int:
    try:
        return (Path(settings.model or "") / _WEIGHTS).stat().st_size
    except OSError:
        # The probe of the model tells.
        return 0
