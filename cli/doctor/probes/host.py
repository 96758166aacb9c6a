"""Ports, folders, memory and file descriptors of this machine."""

from __future__ import annotations

import errno
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from cli.doctor.checks.host import FolderFacts, HostFacts, PortFacts, PortRefused
from cli.supervisor.errors import PortTaken, PortUnusable, RunDirUnusable
from cli.supervisor.ports import NeededPort, check_ports, needed_ports
from cli.supervisor.run_dir import open_run_dir
from common.advertise import NoAdvertiseHost, with_advertise_host
from common.settings import Settings

_CGROUP: Final = Path("/sys/fs/cgroup")
_SHARED: Final = Path("/dev/shm")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# As much as the settings of the children, and then some: a file that is made may still find no room.
_TRIAL_BYTES: Final = 64 * 1024


def probe_ports(settings: Settings) -> PortFacts:
    try:
        settings = with_advertise_host(settings)
    except NoAdvertiseHost:
        # The probe of Redis tells; the ports towards other hosts cannot be looked at then.
        settings = settings.model_copy(update={"redis_url": None})
    return PortFacts(tuple(_refused(needed_ports(settings))))


def _refused(needed: list[NeededPort]) -> Iterator[PortRefused]:
    seen: dict[tuple[str, int], NeededPort] = {}
    for wanted in needed:
        first = seen.setdefault((wanted.host, wanted.port), wanted)
        try:
            check_ports(dict.fromkeys([first, wanted]))
        except PortTaken as error:
            yield PortRefused(wanted.port, str(error), taken=True, holder=_holder(wanted.port))
        except PortUnusable as error:
            yield PortRefused(wanted.port, str(error), taken=False)


def _holder(port: int) -> str | None:
    try:
        listeners = [
            each
            for each in psutil.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid is not None
        ]
        if listeners:
            return f"process {listeners[0].pid} ({_program(psutil.Process(listeners[0].pid))})"
    except psutil.Error:
        # It belongs to somebody else, or has just ended.
        pass
    return None


def _program(process: psutil.Process) -> str:
    """Its name; of a module its module. Not the whole command line, in which secrets may stand."""
    words = process.cmdline()[:4]
    return f"python -m {words[-1]}" if "-m" in words[:-1] else str(process.name())


def probe_folders(settings: Settings) -> FolderFacts:
    path = settings.run_dir
    folder = str(path or tempfile.gettempdir())
    try:
        if path is None or path.exists():
            with open_run_dir(path) as run_dir:
                _write_trial(run_dir)
        else:
            # Not made here: whoever only asks leaves nothing behind.
            there = next(parent for parent in path.absolute().parents if parent.exists())
            with tempfile.TemporaryDirectory(dir=there) as beside:
                _write_trial(Path(beside))
    except RunDirUnusable as error:
        return FolderFacts(folder, str(error))
    except OSError as error:
        return FolderFacts(folder, f"{folder}: {error.strerror}", full=error.errno in _FULL)
    return FolderFacts(folder)


def _write_trial(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TRIAL_BYTES))
        file.flush()


def probe_host(_: Settings) -> HostFacts:
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return HostFacts(
        files=files if files != resource.RLIM_INFINITY else 2**31,
        available=min(psutil.virtual_memory().available, _left_of_group()),
        shared_free=shutil.disk_usage(_SHARED).free if _SHARED.exists() else None,
    )


def _left_of_group() -> int:
    """Bytes that the control group of a container still grants."""
    try:
        most = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        # What is only cached is given back when somebody needs it.
        cached = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return 2**63 if most == "max" else int(most) - used + int(cached.get("inactive_file", 0))
    except OSError:
        return 2**63
