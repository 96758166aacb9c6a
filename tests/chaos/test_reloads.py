"""nginx reads its configuration again under live sessions."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Final

import pytest

from tests.chaos.calm import calm_session, differences
from tests.chaos.conduct import Trouble, limit_s, run_under, verdict
from tests.chaos.conftest import Show
from tests.chaos.resumes import all_resumes, resume_rows
from tests.chaos.size import FRONTS, SIZE
from tests.chaos.streamed import stream
from tests.chaos.trouble import Blow
from tests.support.nginx import BOUNDS, Nginx, front_of
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer

_SHOWN: Final = 20
# What old processes are given where they are to be cut.
_SHUTDOWN_S: Final = 2
pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(FRONTS.reloading_s) + 120)]


def reloading(nginx: Nginx, leaving: list[int]) -> Trouble:
    """`leaving` is told how many old processes had sessions after each reload."""

    async def trouble(_deployment: Deployment, _rng: random.Random) -> list[Blow]:
        for _ in range(FRONTS.reloads):
            nginx.reload()
            await asyncio.sleep(FRONTS.seconds_per_reload / 2)
            leaving.append(nginx.leaving)
            await asyncio.sleep(FRONTS.seconds_per_reload / 2)
        return []

    return trouble


def test_no_session_notices_that_nginx_was_reloaded(show: Show) -> None:
    leaving: list[int] = []
    plan = Plan(workers=2, gateways=2, flags=("--proxied",), environ=SIZE.environ)
    with Deployment(plan) as deployment, Nginx(front_of(deployment.behind)) as nginx:
        run = run_under(deployment, reloading(nginx, leaving), FRONTS.reloading_s, front=nginx.url)
    violations = verdict(run)
    show([("reloads", str(len(leaving))), *resume_rows(run, len(violations))])
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert len(leaving) == FRONTS.reloads and all(leaving)


def test_sessions_that_old_processes_cannot_keep_are_resumed(show: Show) -> None:
    leaving: list[int] = []
    bounds = replace(BOUNDS, reload_s=_SHUTDOWN_S)
    with RedisServer() as redis, calm_session(FRONTS.reloading_s) as undisturbed:
        flags = ("--proxied", "--redis-url", redis.url)
        plan = Plan(workers=2, gateways=2, flags=flags, environ=SIZE.environ)
        with Deployment(plan) as deployment, Nginx(front_of(deployment.behind, bounds)) as nginx:
            trouble = reloading(nginx, leaving)
            run = run_under(deployment, trouble, FRONTS.reloading_s, front=nginx.url, client=stream)
        calm = undisturbed.result()
    violations = verdict(run)
    show([("reloads", str(len(leaving))), *resume_rows(run, len(violations))])
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert list(differences(run, calm))[:_SHOWN] == []
    assert {resume.session for resume in all_resumes(run)} == set(range(SIZE.sessions))
