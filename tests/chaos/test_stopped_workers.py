"""A worker stands still under live sessions and wakes up: its sessions have gone, and it says no more."""

from __future__ import annotations

import random
from typing import Final

import pytest

from tests.chaos.conduct import limit_s, run_under
from tests.chaos.conftest import Judge
from tests.chaos.size import SIZE
from tests.chaos.trouble import Blow, stand_still
from tests.support.processes import Deployment, Plan
from tests.support.trouble import WORKERS

STALL_S: Final = 4.0
"""Longest that a session may wait for another worker: silence of 3 s on a link is a loss."""

pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(SIZE.stopping_s) + 120)]


def test_no_history_shows_that_workers_stood_still(judge: Judge) -> None:
    async def trouble(deployment: Deployment, rng: random.Random) -> list[Blow]:
        return await stand_still(deployment, rng, SIZE.stops, SIZE.stop_s)

    with Deployment(Plan(workers=WORKERS, environ=SIZE.environ)) as deployment:
        run = run_under(deployment, trouble, SIZE.stopping_s)
        restarts = sum(child.restarts for child in deployment.children().values())
    assert judge(run) == []
    assert all(history.stopped for history in run.histories)
    assert restarts == 0, "those that stood still were not killed: they woke up among the others"
    assert run.moves
    assert max(move.seconds for move in run.moves) <= STALL_S
