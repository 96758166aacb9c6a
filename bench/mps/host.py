"""What the host says: which processes of the measurement run, and how its card is."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

# Whoever is started by the measurement inherits it; others on the host are none of its business.
_MARK: Final = "ASR_BENCH_MARK"
_PROC: Final = Path("/proc")
_KINDS: Final = ("nvidia-cuda-mps", "-m worker", "VLLM::EngineCore", "voxshard")
_GONE_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.1
_FACTS: Final = (
    *("name", "driver_version", "memory.used", "utilization.gpu", "compute_mode", "pstate"),
    "ecc.errors.uncorrected.volatile.total",
)


def mark(environ: MutableMapping[str, str] = os.environ) -> None:
    """What is started from now on can be found again."""
    environ[_MARK] = secrets.token_hex(8)


def marked_processes(proc: Path = _PROC) -> dict[int, str]:
    """Command lines of workers, of their engines and of MPS, by process id."""
    found = {}
    wanted = f"{_MARK}={os.environ.get(_MARK)}".encode()
    for folder in proc.glob("[0-9]*"):
        # Of one that has just gone, or of another user.
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            ours = wanted in (folder / "environ").read_bytes().split(b"\0")
            if ours and any(kind in line for kind in _KINDS):
                found[int(folder.name)] = line
    return found


def left_over(within_s: float = _GONE_WITHIN_S) -> tuple[str, ...]:
    """Those that do not end in this time."""
    deadline = time.monotonic() + within_s
    while (left := marked_processes()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return tuple(left.values())


def card_facts() -> dict[str, str]:
    """Of the first card; empty where nvidia-smi is not there or does not answer."""
    query = ("nvidia-smi", f"--query-gpu={','.join(_FACTS)}", "--format=csv,noheader,nounits")
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_facts(told.stdout)


def parse_facts(output: str) -> dict[str, str]:
    first = next(iter(output.splitlines()), "")
    return dict(zip(_FACTS, (value.strip() for value in first.split(",")), strict=True)) if first else {}


def memory_mib(facts: dict[str, str]) -> int | None:
    used = facts.get("memory.used", "")
    return int(used) if used.isdecimal() else None
