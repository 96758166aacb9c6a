"""Ports, folders, memory and file descriptors of this machine."""

from __future__ import annotations

import errno
import resource
import shutil
import tempfile
from pathlib import Path
from typing import Final

import psutil

from cli.doctor.checks.host import FolderFacts, HostFacts, PortFacts, PortRefused
from cli.supervisor.errors import PortTaken, PortUnusable, RunDirUnusable
from cli.supervisor.ports import needed_ports, unusable_ports
from cli.supervisor.run_dir import check_length, open_run_dir, visit_run_dir
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
    unusable = unusable_ports(needed_ports(settings))
    return PortFacts(tuple(_refused(wanted.port, refusal) for wanted, refusal in unusable))


def _refused(port: int, refusal: PortUnusable) -> PortRefused:
    taken = isinstance(refusal, PortTaken)
    return PortRefused(port, refusal.found, refusal.do, taken, _holder(port) if taken else None)


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
        if path is None:
            with open_run_dir(None) as run_dir:
                _write_trial(run_dir)
        elif path.exists():
            with visit_run_dir(path):
                _write_trial(path)
        else:
            check_length(path.absolute())
            # Not made here: whoever only asks leaves nothing behind.
            there = next(parent for parent in path.absolute().parents if parent.exists())
            with tempfile.TemporaryDirectory(dir=there) as beside:
                _write_trial(Path(beside))
    except RunDirUnusable as error:
        return FolderFacts(folder, error.found, error.do)
    except OSError as error:
        # The folder for temporary files is everybody's, and has to stay so.
        make = f"install -d -m 700 -o $(id -un) {folder}, or " if path is not None else ""
        do = f"{make}choose another folder with --run-dir"
        return FolderFacts(folder, f"{folder}: {error.strerror}", do, full=error.errno in _FULL)
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
