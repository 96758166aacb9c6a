"""Ports, folders, memory and file descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cli.doctor.finding import Cause, Finding
from common.settings import Settings
from worker.engines.preparation import needs_preparation

GIB: Final = 2**30
_MIB: Final = 2**20
# Sockets, logs, libraries and threads of a gateway beside its clients, and links to workers.
_OWN_FILES: Final = 100
# What one card was measured to serve, when the settings do not say how many it will be.
_EXPECTED_CLIENTS: Final = 400
# Measured, but for the three processes of a worker on vLLM: those are an estimate.
_WORKER_BYTES: Final = 400 * _MIB
_VLLM_WORKER_BYTES: Final = 4 * GIB
_GATEWAY_BYTES: Final = 100 * _MIB
_SUPERVISOR_BYTES: Final = 65 * _MIB
# Rings of vLLM and of torch between processes; containers are given 64 MiB unless somebody says otherwise.
_SHARED_BYTES: Final = 256 * _MIB
_SERVE_ENDS: Final = "`voxshard serve` ends with code 2"


@dataclass(frozen=True, slots=True)
class PortRefused:
    """`do` names the flag that changes it. `holder`: the process that has it, as far as can be seen."""

    port: int
    found: str
    do: str
    taken: bool
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class PortFacts:
    refused: tuple[PortRefused, ...] = ()


def check_ports(_: Settings, facts: PortFacts) -> Iterator[Finding]:
    for refused in facts.refused:
        if not refused.taken:
            yield Finding(Cause.PORT_UNUSABLE, refused.found, _SERVE_ENDS, refused.do)
            continue
        holder = refused.holder or "a process that this user cannot see (look as root)"
        yield Finding(
            Cause.PORT_TAKEN,
            f"{refused.found} by {holder}",
            f"{_SERVE_ENDS}; if that process is Voxshard, it runs already",
            f"{refused.do}; who has it: ss -ltnp sport = :{refused.port}",
        )


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """`refused`: why the run folder cannot be used; `do`: what helps. `full`: there is no room for a file in
    it."""

    folder: str
    refused: str | None = None
    do: str = ""
    full: bool = False


def check_folders(_: Settings, facts: FolderFacts) -> Iterator[Finding]:
    if facts.full:
        yield Finding(
            Cause.DISK_FULL,
            f"no space is left on the disk of {facts.folder}",
            "the files that processes start from cannot be written",
            f"free some: df -h {facts.folder}; or choose another folder with --run-dir or TMPDIR",
        )
    elif facts.refused is not None:
        yield Finding(
            Cause.RUN_DIR_UNUSABLE,
            facts.refused,
            _SERVE_ENDS,
            facts.do,
        )


@dataclass(frozen=True, slots=True)
class HostFacts:
    """`files`: how many a process may open. In bytes: memory that is available, and what is free in /dev/shm
    (None where there is none)."""

    files: int
    available: int
    shared_free: int | None = None


def check_host(settings: Settings, facts: HostFacts) -> Iterator[Finding]:
    files = files_needed(settings)
    if settings.gateways and facts.files < files:
        room = max(0, facts.files - _OWN_FILES - settings.workers)
        yield Finding(
            Cause.TOO_FEW_FILES,
            f"a process may open {facts.files} files",
            f"a gateway has room for about {room} connections, then refuses new ones",
            "ulimit -n 65536 before the start, or LimitNOFILE=65536 in its systemd unit",
        )
    memory = memory_needed(settings)
    if facts.available < memory:
        yield Finding(
            Cause.TOO_LITTLE_MEMORY,
            f"{facts.available / GIB:.1f} GiB of memory are available",
            f"{settings.workers} workers and {settings.gateways} gateways take about {memory / GIB:.1f} GiB",
            "start fewer with --workers, or give the machine or container more memory",
        )
    if (
        needs_preparation(settings.engine)
        and facts.shared_free is not None
        and facts.shared_free < _SHARED_BYTES
    ):
        yield Finding(
            Cause.TOO_LITTLE_SHARED_MEMORY,
            f"{facts.shared_free / _MIB:.0f} MiB are free in /dev/shm",
            "vLLM's processes talk to each other there, and die without room",
            "docker run --shm-size=1g, or: mount -o remount,size=1g /dev/shm",
        )


def files_needed(settings: Settings) -> int:
    """By a gateway, for the clients that are to be expected of it."""
    clients = _EXPECTED_CLIENTS
    if settings.max_speaking is not None:
        # Any gateway may be given all of them, and who is silent has a connection, too.
        clients = 2 * settings.max_speaking * settings.workers
    return _OWN_FILES + settings.workers + clients


def memory_needed(settings: Settings) -> int:
    """Bytes of all processes, before the first client."""
    worker = _VLLM_WORKER_BYTES if needs_preparation(settings.engine) else _WORKER_BYTES
    return settings.workers * worker + settings.gateways * _GATEWAY_BYTES + _SUPERVISOR_BYTES
