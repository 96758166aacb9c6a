"""One of two instances is killed, all its processes at once; its sessions go on at the other one."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from tests.chaos.calm import calm_session, differences
from tests.chaos.conduct import limit_s, run_under, verdict
from tests.chaos.conftest import Show
from tests.chaos.resumes import all_resumes, resume_rows
from tests.chaos.size import SIZE
from tests.chaos.streamed import stream
from tests.chaos.trouble import GATEWAY, Blow
from tests.support.nginx import Nginx, front_of
from tests.support.processes import Deployment, Plan, wait_until
from tests.support.redis_server import RedisServer
from tests.support.sites import ready_at

_RUN_S, _KILLED_AFTER_S = 16.0, 6.0
_WORKERS, _GATEWAYS = 2, 2
_JOINED_WITHIN_S = 15.0
_SHOWN = 20
pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(_RUN_S) + 120)]


def test_no_history_shows_that_an_instance_was_killed(show: Show) -> None:
    with RedisServer() as redis, calm_session(_RUN_S) as undisturbed:
        flags = ("--proxied", "--redis-url", redis.url)
        plan = Plan(workers=_WORKERS, gateways=_GATEWAYS, flags=flags, environ=SIZE.environ)
        with Deployment(plan) as lost, Deployment(plan) as left:
            wait_until(
                lambda: len(ready_at(lost)) == len(ready_at(left)) == 2 * _WORKERS,
                _JOINED_WITHIN_S,
                "both know all workers",
            )

            async def trouble(_left: Deployment, _rng: random.Random) -> list[Blow]:
                await asyncio.sleep(_KILLED_AFTER_S)
                blow = Blow(time.monotonic(), GATEWAY)
                await asyncio.to_thread(lost.kill_all)
                return [blow]

            with Nginx(front_of([*lost.behind, *left.behind])) as nginx:
                run = run_under(left, trouble, _RUN_S, front=nginx.url, client=stream)
            calm = undisturbed.result()
    violations = verdict(run)
    moved = sum(len(history.events("moved")) for history in run.histories)
    show([("moved to another worker", str(moved)), *resume_rows(run, len(violations))])
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert list(differences(run, calm))[:_SHOWN] == []
    # About a half each, by nginx's turns and by placement.
    assert len({resume.session for resume in all_resumes(run)}) >= SIZE.sessions / 3
    assert moved
