"""Each worker on its own processor cores, so that the host side of one does not slow the others down."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common.settings import Settings

log = logging.getLogger(__name__)

# The worker's own loop and the engine's process are both busy all the time.
LEAST_CORES: Final = 2
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def cores_for(index: int, workers: int, gateways: int, allowed: Sequence[int]) -> tuple[int, ...] | None:
    """The cores of worker `index`: an equal share of what is `allowed` without one for each gateway.

    None if there are too few to share, and for a worker that is none of these `workers`.
    """
    if index >= workers:
        return None
    share = (len(allowed) - gateways) // workers
    if share < LEAST_CORES:
        return None
    # From the end: interrupts and whatever else runs on the host like the first cores best.
    begin = len(allowed) - (index + 1) * share
    return tuple(sorted(allowed)[begin : begin + share])


def pin_to_cores(settings: Settings, index: int) -> None:
    """Linux: keep this process, and all that it starts from now on, on its share of the cores."""
    if not settings.pin_cores or not sys.platform.startswith("linux"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    if _quota_cores() < len(allowed):
        log.info("not pinned: a CPU quota, others may use the same cores", extra={"cores": len(allowed)})
        return
    cores = cores_for(index, settings.workers, settings.gateways, allowed)
    if cores is None:
        log.info("not pinned: too few cores", extra={"cores": len(allowed), "workers": settings.workers})
        return
    os.sched_setaffinity(0, cores)
    log.info("pinned", extra={"cores": ",".join(map(str, cores))})


def _quota_cores(file: Path = _QUOTA) -> float:
    """How many cores' worth of time the control group of this process grants; infinite without a limit.

    A quota without a set of cores is how containers share a host: each sees all cores, and all of them
    would choose the same ones.
    """
    try:
        quota, period = file.read_text().split()
    except FileNotFoundError:
        return float("inf")
    return float("inf") if quota == "max" else int(quota) / int(period)
