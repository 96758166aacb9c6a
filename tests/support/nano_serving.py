"""The whole product on a tiny checkpoint: what tests need to know of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from tests.support.processes import Deployment, DidNotStart, Plan

BOOT_WITHIN_S: Final = 300.0
_POLL_S: Final = 0.1


@contextmanager
def serving(model: Path, *flags: str) -> Iterator[Deployment]:
    """`voxshard serve --engine fun-asr-nano`, one worker; loading vLLM takes most of a minute."""
    common = ("--model", str(model), "--kv-cache-gib", "1", "--dtype", "fp32", "--boot-timeout")
    deployment = Deployment(Plan("fun-asr-nano", flags=(*common, str(BOOT_WITHIN_S), *flags)))
    try:
        deployment.start()
        _wait_ready(deployment)
        yield deployment
    finally:
        deployment.close()


def _wait_ready(deployment: Deployment) -> None:
    give_up_at = time.monotonic() + BOOT_WITHIN_S
    while "ready" not in deployment.output.splitlines():
        if not psutil.pid_exists(deployment.pid) or time.monotonic() > give_up_at:
            raise DidNotStart(deployment.logs)
        time.sleep(_POLL_S)


def engine_processes(deployment: Deployment) -> list[psutil.Process]:
    """vLLM's of worker 0: EngineCore, then what it started."""
    worker = psutil.Process(deployment.child_pid("worker-0"))
    below = worker.children(recursive=True)
    children = [child for child in below if "EngineCore" in "".join(child.cmdline())]
    return [process for child in children for process in (child, *child.children(recursive=True))]


def ready_pid(deployment: Deployment) -> int | None:
    """Of the one worker, if it is ready."""
    [row] = deployment.rows().workers
    return row.pid if row.state == "ready" else None
