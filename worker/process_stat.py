"""What Linux tells about another process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """`start`: clock ticks since boot, by which a later process with the same id is told apart."""

    parent: int
    start: int


def process_stat(pid: int) -> ProcessStat | None:
    """None if there is no such process, or if it is dead and only waits for its parent to notice."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): the name in field 2 may hold anything; behind its last bracket follow fields 3 to 52.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else ProcessStat(parent=int(fields[1]), start=int(fields[19]))


def process_age_s(pid: int) -> float | None:
    """Seconds since the process was started, at most a clock tick off; None where Linux does not tell."""
    stat = process_stat(pid)
    if stat is None:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - stat.start / os.sysconf("SC_CLK_TCK")


def is_under(pid: int, ancestor: int) -> bool:
    """Whether `pid` is the process `ancestor`, or was started by it or by one of its own."""
    while pid != ancestor:
        stat = process_stat(pid)
        if stat is None or stat.parent == 0:
            return False
        pid = stat.parent
    return True
