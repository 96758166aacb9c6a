"""All workers and then all gateways are restarted by the operator's command; no session notices."""

from __future__ import annotations

import random

import pytest

from tests.chaos.calm import calm_session, differences
from tests.chaos.conduct import limit_s, run_under, verdict
from tests.chaos.conftest import Show
from tests.chaos.figures import Table
from tests.chaos.restart import Restarted, restart_all
from tests.chaos.resumes import all_resumes, resume_rows
from tests.chaos.size import GATEWAYS, SIZE
from tests.chaos.streamed import stream
from tests.chaos.trouble import Blow
from tests.support.nginx import Nginx, front_of
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer

LEAST_AT_REST = 0.95
"""Share of the moves, from worker to worker and from gateway to gateway, with nothing half said."""
_WORKERS, _GATEWAYS, _SHOWN = 3, 3, 20
pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(GATEWAYS.restart_s) + 120)]


def test_no_history_shows_that_all_processes_were_restarted(show: Show) -> None:
    found: list[Restarted] = []

    async def trouble(deployment: Deployment, _rng: random.Random) -> list[Blow]:
        found.append(await restart_all(deployment))
        return []

    with RedisServer() as redis, calm_session(GATEWAYS.restart_s) as undisturbed:
        flags = ("--proxied", "--redis-url", redis.url)
        plan = Plan(workers=_WORKERS, gateways=_GATEWAYS, flags=flags, environ=SIZE.environ)
        with Deployment(plan) as deployment, Nginx(front_of(deployment.behind)) as nginx:
            run = run_under(deployment, trouble, GATEWAYS.restart_s, front=nginx.url, client=stream)
        calm = undisturbed.result()
    violations, resumed, [restarted] = verdict(run), all_resumes(run), found
    show([*_rows(restarted), *resume_rows(run, len(violations))])
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert list(differences(run, calm))[:_SHOWN] == []
    assert restarted.code == 0
    assert len(restarted.lines) == _WORKERS + _GATEWAYS
    # All of it happened to sessions that were live.
    assert restarted.ended_at < min(history.sent_at[-1] for history in run.histories)
    assert restarted.moves.count >= SIZE.sessions / 2
    assert len(resumed) >= SIZE.sessions
    assert restarted.departures.count >= 0.9 * len(resumed)
    assert _share_at_rest(restarted) >= LEAST_AT_REST


def _share_at_rest(restarted: Restarted) -> float:
    moves, departures = restarted.moves, restarted.departures
    return (moves.at_rest + departures.count_at_rest) / (moves.count + departures.count)


def _rows(restarted: Restarted) -> Table:
    moves, departures = restarted.moves, restarted.departures
    return [
        ("restarted", f"{len(restarted.lines)} processes in {restarted.seconds:.0f} s"),
        ("worker to worker", f"{moves.count}, {moves.at_rest} at an endpoint"),
        ("gateway to gateway", f"{departures.count}, {departures.count_at_rest} at an endpoint"),
        ("audio heard again by workers", f"{moves.replayed_s:.0f} s"),
        ("share of moves at an endpoint", f"{100 * _share_at_rest(restarted):.1f} %"),
    ]
