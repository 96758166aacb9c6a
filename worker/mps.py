"""A worker as a client of CUDA's Multi-Process Service, where there is one.

A process that cannot reach the daemon gets the card in turns with the others instead, and nobody says so.
That costs a good part of what a card can do, so it is looked up.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Final

from common.settings import Settings
from worker.mps_control import NoAnswer, clients, configured_pipes, servers
from worker.process_stat import is_under

log = logging.getLogger(__name__)

_PRIORITY_VARIABLE: Final = "CUDA_MPS_CLIENT_PRIORITY"
_BELOW_NORMAL: Final = "1"
_MEMORY_VARIABLE: Final = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
_THREADS_VARIABLE: Final = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
_MIB_PER_GIB: Final = 1_024


class NotAttached(Exception):
    """A daemon is configured, but this worker does not run under it; the message says what is known."""


@contextmanager
def yielding(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """A CUDA context that this process makes within lets those of other clients go first, unless whoever runs
    it has set priorities."""
    if _PRIORITY_VARIABLE in environ:
        yield
        return
    environ[_PRIORITY_VARIABLE] = _BELOW_NORMAL
    try:
        yield
    finally:
        del environ[_PRIORITY_VARIABLE]


def client_limits(settings: Settings) -> dict[str, str]:
    """Variables by which CUDA limits each process of a worker; it reads them when a process first uses the
    card. Without MPS they mean nothing."""
    limits = {}
    if settings.mps_memory_gib is not None:
        # 0: the first card that the process sees, which is a worker's only one.
        limits[_MEMORY_VARIABLE] = f"0={round(settings.mps_memory_gib * _MIB_PER_GIB)}M"
    if settings.mps_thread_percentage is not None:
        limits[_THREADS_VARIABLE] = str(settings.mps_thread_percentage)
    return limits


async def check_attached(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process or one of its own is a client; False only where no daemon is configured.

    To be called when the card is in use: a client attaches with its first CUDA context. Raises `NotAttached`.
    """
    pipes = configured_pipes(environ)
    if pipes is None:
        return False
    try:
        found = [client for server in await servers(pipes) for client in await clients(pipes, server)]
    except NoAnswer as error:
        raise NotAttached(str(error)) from error
    if not any(is_under(client, os.getpid()) for client in found):
        raise NotAttached(f"not a client of the MPS daemon at {pipes}; its clients are {found or 'none'}")
    log.info("runs under MPS", extra={"pipes": str(pipes), "clients": len(found)})
    return True
