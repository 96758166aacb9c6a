"""Workers that are told to stop hand their sessions over; nobody notices but by `moved`."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import replace

import pytest

from tests.support.processes import Deployment
from tests.support.trouble import PLAN, SESSIONS, WORKERS, run_under
from tests.support.wire import eventually, in_loop

pytestmark = pytest.mark.timeout(180)


@in_loop
async def test_a_rolling_restart_under_live_sessions_loses_nothing() -> None:
    async def restart(deployment: Deployment, _: random.Random) -> None:
        await asyncio.sleep(1.0)
        command = ("rolling-restart", "--supervisor", deployment.supervisor_url, "--within", "30")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from cli.main import main; main()",
            *command,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _error = await process.communicate()
        assert process.returncode == 0
        assert said.decode().count("ready again after") == WORKERS
        children = await asyncio.to_thread(deployment.children)
        assert [child.restarts for child in children.values()] == [1] * WORKERS + [0]

    outcome = await run_under(restart)
    drained = outcome.metrics.total("asr_session_moves_total", reason="drain")
    assert len(outcome.moves) == drained >= SESSIONS // 2
    # At an endpoint there is no more to be heard again than what was on its way.
    assert outcome.metrics.total("asr_replayed_audio_seconds_total") < drained


@in_loop
async def test_a_worker_whose_sessions_cannot_leave_ends_when_its_time_is_over() -> None:
    async def stop(deployment: Deployment, _: random.Random) -> None:
        """All but one, which has nowhere to send its sessions, and then that one."""
        await asyncio.sleep(2.0)
        for worker in range(WORKERS):
            pid = await asyncio.to_thread(deployment.child_pid, f"worker-{worker}")
            os.kill(pid, signal.SIGTERM)
        began = time.monotonic()
        await eventually(lambda: _restarts(deployment) == WORKERS, 15, "all workers were started again")
        assert time.monotonic() - began < 10

    await run_under(stop, replace(PLAN, flags=("--drain-timeout", "2")))


def _restarts(deployment: Deployment) -> int:
    return sum(child.restarts for child in deployment.children().values())
