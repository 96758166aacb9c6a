"""Is this worker a client of CUDA's Multi-Process Service, where there is one?

A process that cannot reach the daemon gets the card in turns with the others instead, and nobody says so.
That costs a good part of what a card can do, so it is looked up.
"""

from __future__ import annotations

import asyncio
import logging
import os
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from worker.process_stat import is_under

log = logging.getLogger(__name__)

CONTROL: Final = "nvidia-cuda-mps-control"
_PRIORITY_VARIABLE: Final = "CUDA_MPS_CLIENT_PRIORITY"
_BELOW_NORMAL: Final = "1"
_PIPES_VARIABLE: Final = "CUDA_MPS_PIPE_DIRECTORY"
_DEFAULT_PIPES: Final = Path("/tmp/nvidia-mps")
_LIMIT_S: Final = 2.0


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


async def check_attached(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process or one of its own is a client; False only where no daemon is configured.

    To be called when the card is in use: a client attaches with its first CUDA context. Takes 2 s at most.
    Raises `NotAttached`.
    """
    pipes = configured_pipes(environ)
    if pipes is None:
        return False
    try:
        async with asyncio.timeout(_LIMIT_S):
            clients = await _clients()
    except TimeoutError as error:
        raise NotAttached(f"the MPS daemon at {pipes} did not answer within {_LIMIT_S:g} s") from error
    except OSError as error:
        raise NotAttached(
            f"the MPS daemon at {pipes} cannot be asked: {CONTROL}: {error.strerror}"
        ) from error
    if not any(is_under(client, os.getpid()) for client in clients):
        raise NotAttached(f"not a client of the MPS daemon at {pipes}; its clients are {clients or 'none'}")
    log.info("runs under MPS", extra={"pipes": str(pipes), "clients": len(clients)})
    return True


def configured_pipes(environ: Mapping[str, str]) -> Path | None:
    """The folder of the daemon that CUDA looks for; None if nobody set one up.

    One that is named but empty counts: whoever names it wants the daemon.
    """
    named = environ.get(_PIPES_VARIABLE)
    if named:
        return Path(named)
    return _DEFAULT_PIPES if (_DEFAULT_PIPES / "control").exists() else None


def parse_pids(output: str) -> list[int]:
    """An answer is one process id a line. Raises `NotAttached` with the answer if it is anything else."""
    lines = output.split("\n")
    if any(line.strip() and not line.strip().isdecimal() for line in lines):
        raise _told(output)
    return [int(line) for line in lines if line.strip()]


async def _clients() -> list[int]:
    clients = []
    for server in parse_pids(await _ask("get_server_list")):
        clients += parse_pids(await _ask(f"get_client_list {server}"))
    return clients


async def _ask(command: str) -> str:
    process = await asyncio.create_subprocess_exec(CONTROL, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        output, trouble = await process.communicate(f"{command}\n".encode())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        raise _told(trouble.decode(errors="replace") or output.decode(errors="replace"))
    return output.decode(errors="replace")


def _told(text: str) -> NotAttached:
    return NotAttached(f"{CONTROL}: {' '.join(text.split())}")
