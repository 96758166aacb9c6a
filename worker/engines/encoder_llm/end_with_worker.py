"""A vLLM process that ends when the worker that started it is gone, however that ended.

A worker under a supervisor has this anyhow: the supervisor kills its whole process group. A worker that was
started by hand and killed would leave vLLM's EngineCore behind, with its GPU memory and its place under MPS.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import MutableMapping
from typing import Final

from worker.process_stat import process_stat

# Not VOXSHARD_: variables of that prefix are settings, and this one goes from process to process.
WORKER_VARIABLE: Final = "ASR_ENGINE_WORKER"
# For AsyncEngineArgs. Unlike an entry point it needs no installation, and vLLM fails if it is not there.
WORKER_EXTENSION: Final = "worker.engines.encoder_llm.vllm_extension.EndsWithWorker"

_POLL_S: Final = 0.25
_WORKER_GONE: Final = 1


def name_worker(environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell the vLLM processes that this one is going to start whose they are."""
    stat = process_stat(os.getpid())
    if stat is not None:
        environ[WORKER_VARIABLE] = f"{os.getpid()} {stat.start}"


def end_with_worker(environ: MutableMapping[str, str] = os.environ) -> None:
    """End this process, soon and without any clean-up, when the worker named in `environ` is gone.

    Not by PR_SET_PDEATHSIG: that is sent when the thread ends that made this process, and it knows the
    parent only, which is EngineCore where an engine has several processes.
    """
    pid, start = map(int, environ[WORKER_VARIABLE].split())
    # Asked here: by the time the thread runs, the worker may be gone, and with it who was between.
    watched = (pid, start, _between(pid))
    threading.Thread(target=_watch, args=watched, name="end-with-worker", daemon=True).start()


def _watch(worker: int, start: int, engine_core: int | None) -> None:
    while _lives(worker, start):
        time.sleep(_POLL_S)
    # EngineCore itself would take 7 s to see that the processes which compute for it are gone.
    if engine_core is not None and os.getppid() == engine_core:
        os.kill(engine_core, signal.SIGKILL)
    os._exit(_WORKER_GONE)


def _lives(pid: int, start: int) -> bool:
    stat = process_stat(pid)
    return stat is not None and stat.start == start


def _between(worker: int) -> int | None:
    """The parent of this process if the worker is its parent; None also if the worker is gone already."""
    parent = os.getppid()
    stat = process_stat(parent)
    return parent if stat is not None and stat.parent == worker else None
