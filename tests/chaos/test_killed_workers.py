"""Workers are killed under live sessions, again and again; the histories show that no client lost a word."""

from __future__ import annotations

import random

import pytest

from tests.chaos.conduct import limit_s, run_under
from tests.chaos.conftest import Judge
from tests.chaos.size import SIZE
from tests.chaos.trouble import Blow, kill
from tests.support.processes import Deployment, Plan
from tests.support.trouble import WORKERS

pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(SIZE.killing_s) + 120)]


def test_no_history_shows_that_workers_were_killed(judge: Judge) -> None:
    async def trouble(deployment: Deployment, rng: random.Random) -> list[Blow]:
        return await kill(deployment, rng, SIZE.kills, SIZE.killing_s)

    with Deployment(Plan(workers=WORKERS, environ=SIZE.environ)) as deployment:
        run = run_under(deployment, trouble, SIZE.killing_s)
    assert judge(run) == []
    assert all(history.stopped for history in run.histories)
    # All, but for those at the end whose turn came while no worker was ready.
    assert len(run.blows) > 0.9 * SIZE.kills - 1
    assert run.moves
