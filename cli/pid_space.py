"""Where a process id means the same process to whoever reads it as to whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")


def pid_space() -> str | None:
    """Of this process: the start of its kernel, and the namespace that numbers its processes
    (pid_namespaces(7)). None where that is not told: by other systems than Linux."""
    try:
        return f"{_BOOT.read_text().strip()}/{_NAMESPACE.stat().st_ino}"
    except OSError:
        return None
