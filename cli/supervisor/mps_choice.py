"""Whether the workers of an instance run under MPS, and under whose daemon."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cli.supervisor.errors import CannotServe
from cli.supervisor.mps_daemon import Daemon, Folders, ForeignDaemon, OwnDaemon, pipes_fit
from cli.supervisor.run_dir import MPS_LOGS_NAME, MPS_PIPES_NAME
from common.settings import Settings
from worker.engines.registry import may_use_card
from worker.gpu import card_of, cuda_driver, is_cuda
from worker.mps_control import CONTROL, configured_pipes

# CUDA contexts of a worker on its card: the encoder's, and the language model's in a process of its own.
CONTEXTS: Final = 2
# Of one server on one card, before CUDA 13.1 and from then on.
_MOST_CONTEXTS_BEFORE: Final = 48
_MOST_CONTEXTS: Final = 60
_MORE_FROM: Final = (13, 1)


class MpsUnusable(CannotServe):
    pass


def choose_daemon(settings: Settings, run_dir: Path, environ: Mapping[str, str]) -> Daemon | None:
    """None: without MPS, or as CUDA finds it. Raises `MpsUnusable`."""
    theirs = configured_pipes(environ)
    # Gateways touch no card.
    if not settings.workers or not _is_wanted(settings, theirs):
        return None
    check_contexts(settings.workers, cuda_driver())
    if theirs is not None:
        return ForeignDaemon(theirs)
    folders = Folders(run_dir / MPS_PIPES_NAME, run_dir / MPS_LOGS_NAME)
    if shutil.which(CONTROL) is None:
        raise MpsUnusable(
            f"MPS: {CONTROL} is not on the PATH; it comes with the driver; --mps off runs without"
        )
    if not pipes_fit(folders.pipes):
        raise MpsUnusable(f"--run-dir {run_dir}: too long for the sockets of the MPS daemon")
    return OwnDaemon(folders, environ)


def under_mps(settings: Settings) -> Settings:
    """With a card by name: a worker that CUDA turns away must not take the processor instead."""
    return settings.model_copy(update={"device": "cuda"}) if settings.device == "auto" else settings


def check_contexts(workers: int, driver: tuple[int, int] | None) -> None:
    """`driver`: the newest CUDA that it knows; None if that is unknown. Raises `MpsUnusable`."""
    most = _MOST_CONTEXTS if driver is not None and driver >= _MORE_FROM else _MOST_CONTEXTS_BEFORE
    if workers * CONTEXTS > most:
        raise MpsUnusable(
            f"--workers {workers}: MPS takes {most} CUDA contexts on a card, and each worker has {CONTEXTS}:"
            f" {most // CONTEXTS} workers at most, or --mps off"
        )


def _is_wanted(settings: Settings, theirs: Path | None) -> bool:
    match settings.mps:
        case "on":
            return True
        case "off":
            return False
        case "auto":
            return _uses_card(settings) and (theirs is not None or shutil.which(CONTROL) is not None)


def _uses_card(settings: Settings) -> bool:
    """As far as that can be known before a worker starts."""
    may = may_use_card(settings.engine)
    if settings.device == "auto":
        return bool(may) and card_of("cuda") is not None
    return may is not False and is_cuda(settings.device)
