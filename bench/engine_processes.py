"""Starts the measuring processes of the engine bench and ends them with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from bench.engine_flags import PeerFlags
from bench.engine_job import Job
from worker.environment import set_defaults

PEER: Final = "peer"
_ROOT: Final = Path(__file__).parent.parent
# A cell that began before the deadline may end after it, and vLLM takes its time to leave.
_GRACE_S: Final = 45.0
# FunASR's process is offline and quiet, and is spared FlashInfer's sampler, which wants a compiler.
_PEER_ENVIRONMENT: Final = MappingProxyType(
    {
        "HF_HUB_OFFLINE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    }
)


class MeasuringFailed(Exception):
    """The process did not do all it was to do; the message says why."""


def measure_in_process(name: str, job: Job, peer: PeerFlags, report: Path) -> None:
    """Blocks until the process has ended; what it says goes to stderr. Raises `MeasuringFailed`."""
    python = peer.python if name == PEER else sys.executable
    process = subprocess.Popen(
        [python, "-m", "bench.engine_child", name, str(report)],
        cwd=_ROOT,
        env=environment(name, peer, os.environ),
        stdin=subprocess.PIPE,
        stdout=sys.stderr,
        # Of its own session, so that the engine processes that it starts can be ended with it.
        start_new_session=True,
    )
    try:
        process.communicate(msgspec.json.encode(job), max(0.0, job.deadline - time.monotonic()) + _GRACE_S)
    except subprocess.TimeoutExpired as error:
        raise MeasuringFailed("killed, as it did not end in time") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0:
        raise MeasuringFailed(f"ended with {process.returncode}; what it said stands above")


def environment(name: str, peer: PeerFlags, outer: Mapping[str, str]) -> dict[str, str]:
    """Of ours as the worker has it; of FunASR's as it comes, but for what has nothing to do with speed."""
    inner = dict(outer)
    if name != PEER:
        set_defaults(inner)
        return inner
    for variable, value in _PEER_ENVIRONMENT.items():
        inner.setdefault(variable, value)
    if peer.threads is not None:
        inner.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(peer.threads)))
    return inner
