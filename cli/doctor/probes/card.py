"""The card of the settings, and the MPS daemon beside it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Final

import psutil

from cli.doctor.checks.card import Card, CardFacts, ComputeMode, MpsFacts
from cli.doctor.probes.nvml import NoDriver, driver, newest_cuda
from common.settings import Settings
from worker.gpu import visible_card
from worker.mps import CONTROL, configured_pipes

_LIMIT_S: Final = 3.0
_WEIGHTS: Final = "model.pt"


def probe_card(settings: Settings) -> CardFacts | None:
    """None without a driver: whether one is needed is a matter of the libraries."""
    device = "cuda" if settings.device == "auto" else settings.device
    try:
        with driver() as pynvml:
            card, cuda = _card(pynvml, device), newest_cuda(pynvml)
    except NoDriver:
        return None
    if card is None and settings.device == "auto":
        return None
    return CardFacts(card, _mps(), cuda, os.geteuid(), _weights(settings))


def _card(pynvml: Any, device: str) -> Card | None:
    try:
        which = visible_card(device, os.environ)
        handle = (
            pynvml.nvmlDeviceGetHandleByIndex(int(which))
            if which.isdecimal()
            else pynvml.nvmlDeviceGetHandleByUUID(which)
        )
    # A name that is no card's, or no name of a card at all.
    except (pynvml.NVMLError, ValueError):
        return None
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    return Card(
        name=pynvml.nvmlDeviceGetName(handle),
        total=memory.total,
        free=memory.free,
        mode=ComputeMode(pynvml.nvmlDeviceGetComputeMode(handle)),
        processes=tuple(_named(process.pid) for process in running),
    )


def _named(pid: int) -> str:
    try:
        return f"{pid} {psutil.Process(pid).name()}"
    except psutil.Error:
        # In another container, or gone.
        return str(pid)


def _mps() -> MpsFacts | None:
    pipes = configured_pipes(os.environ)
    if pipes is None:
        return None
    owner = pipes.stat().st_uid if pipes.exists() else None
    return MpsFacts(str(pipes), owner, _why_silent())


def _why_silent() -> str | None:
    try:
        done = subprocess.run(
            [CONTROL],
            input="get_server_list\n",
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {_LIMIT_S:g} s"
    except OSError as error:
        return f"{CONTROL}: {error.strerror}"
    return " ".join((done.stderr or done.stdout).split()) or "it failed" if done.returncode else None


def _weights(settings: Settings) -> int:
    file = Path(settings.model or "") / _WEIGHTS
    return file.stat().st_size if file.is_file() else 0
