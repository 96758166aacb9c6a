"""The model made ready for its engine before the first worker starts, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from cli.supervisor.errors import CannotServe
from cli.supervisor.plan import child_environ
from cli.supervisor.run_dir import NOTIFY_NAME, write_settings
from common.process import wait_for_stop_signal
from common.settings import Settings
from worker.engines.preparation import needs_preparation


class ModelUnusable(CannotServe):
    pass


def with_prepared_model(settings: Settings, run_dir: Path) -> Settings | None:
    """Settings whose `model` and `prepared` are folders that every worker can load at once, or the same
    settings if no worker of this instance needs that. None after a stop signal. Raises `ModelUnusable`.
    """
    wanted = settings.workers and needs_preparation(settings.engine)
    return asyncio.run(_prepared(settings, run_dir)) if wanted else settings


async def _prepared(settings: Settings, run_dir: Path) -> Settings | None:
    async with asyncio.TaskGroup() as tasks:
        signal = tasks.create_task(wait_for_stop_signal(), name="signals")
        child = tasks.create_task(_run_child(_argv(settings, run_dir), run_dir), name="prepare")
        await asyncio.wait({signal, child}, return_when=asyncio.FIRST_COMPLETED)
        signal.cancel()
        if not child.done():
            child.cancel()
            return None
    outcome = child.result()
    if "error" in outcome:
        raise ModelUnusable(outcome["error"])
    return settings.model_copy(
        update={"model": outcome["model"], "prepared": Path(outcome["prepared"])},
    )


def _argv(settings: Settings, run_dir: Path) -> tuple[str, ...]:
    command = (sys.executable, "-P", "-m", "worker.engines.prepare_child")
    return (*command, "--settings", str(write_settings(settings, run_dir)), "--parent", str(os.getpid()))


async def _run_child(argv: tuple[str, ...], run_dir: Path) -> dict[str, str]:
    environ = child_environ(os.environ, run_dir / NOTIFY_NAME, sys.path, os.getcwd())
    child = await asyncio.create_subprocess_exec(
        *argv, env=environ, stdin=DEVNULL, stdout=PIPE, start_new_session=True
    )
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            # It leaves nothing that the next one does not clean up.
            child.kill()
            await child.wait()
    if child.returncode != 0:
        return {"error": f"the model could not be prepared: exit code {child.returncode}, its log says why"}
    outcome: dict[str, str] = json.loads(output)
    return outcome
