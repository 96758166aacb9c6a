"""Gateways are killed under live sessions, behind a real nginx; each session goes on at another one."""

from __future__ import annotations

import random

import pytest

from tests.chaos.calm import calm_session, differences
from tests.chaos.conduct import limit_s, run_under, verdict
from tests.chaos.conftest import Show
from tests.chaos.resumes import all_resumes, resume_rows
from tests.chaos.size import GATEWAYS, SIZE
from tests.chaos.streamed import stream
from tests.chaos.trouble import GATEWAY, Blow, kill
from tests.support.nginx import Nginx, front_of
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer

_SHOWN = 20
pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(GATEWAYS.killing_s) + 120)]


def test_no_history_shows_that_gateways_were_killed(show: Show) -> None:
    async def trouble(deployment: Deployment, rng: random.Random) -> list[Blow]:
        return await kill(deployment, rng, GATEWAYS.kills, GATEWAYS.killing_s, GATEWAY)

    with RedisServer() as redis, calm_session(GATEWAYS.killing_s) as undisturbed:
        flags = ("--proxied", "--redis-url", redis.url)
        plan = Plan(workers=2, gateways=3, flags=flags, environ=SIZE.environ)
        with Deployment(plan) as deployment, Nginx(front_of(deployment.behind)) as nginx:
            run = run_under(deployment, trouble, GATEWAYS.killing_s, front=nginx.url, client=stream)
        calm = undisturbed.result()
    violations = verdict(run)
    show([("blows to gateways", str(len(run.blows))), *resume_rows(run, len(violations))])
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert list(differences(run, calm))[:_SHOWN] == []
    # All, but for those at the end whose turn came while no gateway was ready.
    assert len(run.blows) > 0.9 * GATEWAYS.kills - 1
    assert all_resumes(run)
