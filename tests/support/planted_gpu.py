"""A machine with a card, as far as its libraries and its driver tell: packages without code, NVML without a
driver, and a prepared model that holds nothing."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from tests.support.checkpoint_files import write_checkpoint_files
from worker.engines.encoder_llm.manifest import source_states, write_manifest

GIB: Final = 2**30
_PACKAGES: Final = {"funasr": "1.4.16", "nvidia-ml-py": "13.0", "torch": "2.13.0", "vllm": "0.32.0"}
_NVML: Final = """
import json, pathlib
from types import SimpleNamespace
class NVMLError(Exception): pass
_told = json.loads(pathlib.Path(__file__).with_name("nvml.json").read_text())
def nvmlInit():
    if "trouble" in _told: raise NVMLError(_told["trouble"])
def nvmlShutdown(): pass
def nvmlSystemGetCudaDriverVersion(): return _told["cuda"]
def nvmlDeviceGetCount(): return _told["cards"]
def nvmlDeviceGetHandleByIndex(index):
    if index >= _told["cards"]: raise NVMLError("Invalid Argument")
    return index
def nvmlDeviceGetHandleByUUID(uuid): raise NVMLError("Not Found")
def nvmlDeviceGetIndex(card): return card
def nvmlDeviceGetUUID(card): return f"GPU-{card}"
def nvmlDeviceGetName(card): return "NVIDIA H200"
def nvmlDeviceGetMemoryInfo(card): return SimpleNamespace(total=_told["total"], free=_told["free"])
def nvmlDeviceGetComputeMode(card):
    if _told["mode"] is None: raise NVMLError("Not Supported")
    return _told["mode"]
def nvmlDeviceGetComputeRunningProcesses(card):
    if _told["pids"] is None: raise NVMLError("Not Supported")
    return [SimpleNamespace(pid=pid) for pid in _told["pids"]]
"""


class PlantedGpu:
    """All is well until somebody changes it."""

    def __init__(self, folder: Path) -> None:
        self.packages = folder / "packages"
        self.programs = folder / "programs"
        self.model = write_checkpoint_files(folder / "model")
        self.prepared = self.model / "voxshard"
        for path in (self.packages / "torch", self.programs, self.prepared / "language_model"):
            path.mkdir(parents=True)
        for name, version in _PACKAGES.items():
            self.install(name, version)
        self.install("vllm", _PACKAGES["vllm"], "torch==2.13.0", "transformers>=4.57; extra == 'other'")
        (self.packages / "torch/__init__.py").write_text("raise ImportError('the doctor imports no torch')\n")
        self.build_torch("'13.0'")
        (self.packages / "pynvml.py").write_text(_NVML)
        self.tell_nvml()
        self.prepare()

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.packages),
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "CUDA_VISIBLE_DEVICES": "0",
        }

    @property
    def flags(self) -> dict[str, object]:
        return {"engine": "fun-asr-nano", "model": self.model, "workers": 1, "device": "cuda"}

    def install(self, name: str, version: str, *wanted: str) -> None:
        folder = self.packages / f"{name.replace('-', '_')}.dist-info"
        folder.mkdir(exist_ok=True)
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {line}" for line in wanted)]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))

    def build_torch(self, cuda: str) -> None:
        (self.packages / "torch/version.py").write_text(
            f"__version__ = '2.13.0'\ncuda: str | None = {cuda}\n"
        )

    def tell_nvml(self, **changes: Any) -> None:
        told = {"cuda": 13_000, "cards": 1, "total": 141 * GIB, "free": 140 * GIB, "mode": 0, "pids": []}
        (self.packages / "nvml.json").write_text(json.dumps(told | changes))

    def prepare(self) -> None:
        with zipfile.ZipFile(self.model / "model.pt", "w") as archive:
            archive.writestr("model/data.pkl", bytes(1000))
        weights = {"model.norm.weight": np.zeros(1000, np.float32)}
        save_file(weights, self.prepared / "language_model/model.safetensors")
        save_file(weights, self.prepared / "audio.safetensors")
        language = [f"Qwen3-0.6B/{path.name}" for path in (self.model / "Qwen3-0.6B").iterdir()]
        source = source_states(self.model, ["model.pt", "config.yaml", *language])
        write_manifest(self.prepared, source, tensors={})

    def put_program(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
