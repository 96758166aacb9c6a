"""Workers are killed under live sessions, again and again; the histories show that no client lost a word."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import pytest

from tests.chaos.conduct import run_under
from tests.chaos.conftest import Judge
from tests.chaos.size import SIZE, WORKERS
from tests.chaos.trouble import Blow, kill
from tests.support.processes import Deployment, Plan

# For booting, for the last answers, and for a machine that is busy.
_LIMIT_S: Final = SIZE.arrivals_s + SIZE.killing_s + 180

pytestmark = [pytest.mark.fault, pytest.mark.timeout(_LIMIT_S + 120)]


def test_no_history_shows_that_workers_were_killed(judge: Judge) -> None:
    async def trouble(deployment: Deployment, rng: random.Random) -> list[Blow]:
        return await kill(deployment, rng, SIZE.kills, SIZE.killing_s)

    with Deployment(Plan(workers=WORKERS, environ=SIZE.environ)) as deployment:
        run = asyncio.run(asyncio.wait_for(run_under(deployment, trouble, SIZE.killing_s), _LIMIT_S))
    assert judge(run) == []
    assert all(history.stopped for history in run.histories)
    # All, but for those at the end whose turn came while no worker was ready.
    assert len(run.blows) > 0.9 * SIZE.kills - 1
    assert run.moves
