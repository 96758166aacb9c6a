"""Variables that libraries read when they are loaded, so they are set before any of these is imported."""

from __future__ import annotations

from collections.abc import MutableMapping
from types import MappingProxyType
from typing import Final

# How long a thread may keep the interpreter from others. VAD and encoder need it for microseconds at a time,
# hundreds of times a second; at Python's own 5 ms each of these would wait for as long.
SWITCH_S: Final = 0.0005

# One thread for each pool of threads: several workers with as many threads as the host has cores each were
# measured to be 15 times slower than with one thread each.
DEFAULTS: Final = MappingProxyType(
    {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # cuda:N is then the card that nvidia-smi calls N.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # A forked EngineCore would inherit threads, locks and sockets of the worker.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_NO_USAGE_STATS": "1",
        # Its sampler is for drawn tokens, we take the likeliest; it compiles itself when first used.
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
    }
)


def set_defaults(environ: MutableMapping[str, str]) -> None:
    """What is set already stays as it is."""
    for name, value in DEFAULTS.items():
        environ.setdefault(name, value)
