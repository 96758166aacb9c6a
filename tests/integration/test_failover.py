"""Workers are killed and stopped under live sessions, and no client loses a word."""

from __future__ import annotations

import asyncio
import os
import random
import signal

import pytest

from common.ops_client import FetchFailed
from tests.support.processes import Deployment
from tests.support.trouble import SESSIONS, WORKERS, run_under
from tests.support.wire import in_loop

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]


@in_loop
async def test_nothing_is_lost_or_said_twice_while_workers_are_killed() -> None:
    async def kill(deployment: Deployment, rng: random.Random) -> None:
        for _ in range(14):
            await asyncio.sleep(rng.uniform(0.3, 1.0))
            try:
                await asyncio.to_thread(deployment.kill, f"worker-{rng.randrange(WORKERS)}")
            except (AssertionError, FetchFailed, ProcessLookupError):
                # That one is not there at the moment.
                continue

    assert len((await run_under(kill)).moves) >= SESSIONS // 2


@in_loop
async def test_a_worker_that_stands_still_loses_its_sessions_and_says_nothing_afterwards() -> None:
    async def stop(deployment: Deployment, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(1.0, 2.0))
        pid = await asyncio.to_thread(deployment.child_pid, f"worker-{rng.randrange(WORKERS)}")
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(6.0)
        finally:
            os.kill(pid, signal.SIGCONT)

    # Each of its sessions moves once.
    moved = [message["session_id"] for message in (await run_under(stop)).moves]
    assert moved
    assert len(set(moved)) == len(moved)
