"""The next version, whose gateways and workers do not speak with those of this one, takes over and is rolled
back, by the steps of docs/operations.md; no session notices."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.calm import calm_session, differences
from tests.chaos.conduct import limit_s, run_under, verdict
from tests.chaos.conftest import Show
from tests.chaos.resumes import all_resumes, resume_rows
from tests.chaos.size import SIZE
from tests.chaos.streamed import stream
from tests.chaos.trouble import Blow
from tests.support.next_version import next_version
from tests.support.nginx import Nginx, front_of
from tests.support.processes import ROOT, Deployment, Plan
from tests.support.redis_server import RedisServer
from tests.support.sites import ready_at

_RUN_S = 90.0
_WORKERS, _GATEWAYS = 2, 2
_SHOWN = 20
pytestmark = [pytest.mark.fault, pytest.mark.timeout(limit_s(_RUN_S) + 120)]


def test_no_history_shows_an_upgrade_and_its_rollback(show: Show, tmp_path: Path) -> None:
    steps: list[float] = []
    with RedisServer() as redis, calm_session(_RUN_S) as undisturbed:
        plan = Plan(
            workers=_WORKERS,
            gateways=_GATEWAYS,
            flags=("--proxied", "--redis-url", redis.url),
            environ=SIZE.environ,
        )
        other_plan = replace(plan, environ={**plan.environ, **next_version(tmp_path)})
        with Deployment(plan) as ours, Nginx(front_of(ours.behind)) as nginx:
            other = Deployment(other_plan)

            async def trouble(_ours: Deployment, _rng: random.Random) -> list[Blow]:
                for old, new in ((ours, other), (other, ours)):
                    await asyncio.to_thread(_take_over, old, new, nginx)
                    steps.append(time.monotonic())
                return []

            try:
                run = run_under(ours, trouble, _RUN_S, front=nginx.url, client=stream)
            finally:
                other.close()
            calm = undisturbed.result()
    violations = verdict(run)
    show(resume_rows(run, len(violations)))
    assert violations[:_SHOWN] == []
    assert all(history.stopped for history in run.histories)
    assert list(differences(run, calm))[:_SHOWN] == []
    # Both ways, while all sessions were live.
    assert len(all_resumes(run)) >= 2 * SIZE.sessions
    assert steps[-1] < min(history.sent_at[-1] for history in run.histories)


def _take_over(old: Deployment, new: Deployment, nginx: Nginx) -> None:
    new.start()
    new.wait_ready()
    own, others = ready_at(new), ready_at(old)
    assert len(own) == len(others) == _WORKERS and not own & others, "no worker of another protocol is used"
    nginx.reload(new.behind)
    for number in range(_GATEWAYS):
        voxshard = str(Path(sys.executable).with_name("voxshard"))
        drain = [voxshard, "drain", f"gateway-{number}", "--supervisor", old.supervisor_url]
        subprocess.run(drain, cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert old.terminate() == 0
