"""More is asked for than the engines can do: who is in is served as if nobody else had come, and who is not
is told so at once."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.chaos.conftest import Show
from tests.chaos.figures import quantile
from tests.chaos.overload import Load, loads, untyped
from tests.chaos.size import OVERLOAD
from tests.support.processes import Deployment, Plan

SLOWER: Final = 1.3
"""Than without load, at most: final latency at p99."""
ANSWER_S: Final = 0.02
"""From START to its refusal, at p95."""
TIMES: Final = (2, 5)

# Each load, up to three times, its last answers, and the boot.
pytestmark = [pytest.mark.fault, pytest.mark.timeout(9 * (OVERLOAD.seconds + 30) + 120)]


def test_sessions_are_served_in_time_and_others_refused_at_once(show: Show) -> None:
    # Partials are few, so that finals are most of the work, and cannot be saved by being put first.
    flags = ("--max-speaking", str(OVERLOAD.speakers), "--partial-interval-ms", "1000")
    plan = Plan(workers=OVERLOAD.workers, environ=OVERLOAD.environ, flags=flags)
    with Deployment(plan) as deployment:
        tried = asyncio.run(_all_loads(deployment.url))
        counted = deployment.metrics().total("asr_admission_rejections_total", reason="overloaded")
    for each in (each for attempts in tried for each in attempts):
        show(each.figures())
        assert each.violations == []
        assert all(history.stopped for history in each.admitted)
        assert untyped(each.refused) == []
    calm, *busy = (attempts[-1] for attempts in tried)
    assert not calm.refused
    for each in busy:
        assert len(each.admitted) == OVERLOAD.capacity
        assert each.final_p99 <= SLOWER * calm.final_p99
        assert quantile(each.answers, 0.95) <= ANSWER_S
    assert counted == sum(len(each.refused) for attempts in tried for each in attempts)


async def _all_loads(url: str) -> list[list[Load]]:
    calm = await loads("a quarter", url, max(1, OVERLOAD.capacity // 4), OVERLOAD.seconds)
    busy = [
        await loads(f"{times} times", url, times * OVERLOAD.capacity, OVERLOAD.seconds) for times in TIMES
    ]
    return [calm, *busy]
