from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from cli.supervisor import watchdog
from cli.supervisor.child import StopOrder
from cli.supervisor.keeper import Surroundings
from common.ends import ChildEnd
from tests.support.children import IGNORE_SIGTERM, READY_AND_ALIVE, READY_THEN_SLEEP, python, wait_until
from tests.support.keeper_rig import keeper_of, restarts, stop, surroundings


@pytest.fixture
def hang_limit_s(monkeypatch: pytest.MonkeyPatch) -> float:
    """Six looks."""
    monkeypatch.setattr(watchdog, "_LOOK_S", 0.05)
    return 0.3


async def first_end(script: str, around: Surroundings) -> ChildEnd:
    """How a child ended that was started once more."""
    keeper = keeper_of(python(script), around)
    running = asyncio.create_task(keeper.run())
    await wait_until(lambda: keeper.restarts == 1)
    [end] = around.ends.view.ended
    await stop(keeper, running)
    return end


def test_a_child_that_hangs_is_killed_and_started_again_as_if_it_had_died_by_itself(
    tmp_path: Path, hang_limit_s: float
) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            codes = list[int | None]()
            around.gate.heard = codes.append
            end = await first_end(READY_THEN_SLEEP, replace(around, hang_limit_s=hang_limit_s))
            assert (end.how, end.by_itself) == ("hung: it said nothing for 0.3 s", True)
            assert (codes, restarts(around)) == ([-signal.SIGKILL], {"told": 0.0, "died": 1.0})

    asyncio.run(scenario())


def test_a_child_that_says_that_it_works_is_left_alone_until_it_exits(
    tmp_path: Path, hang_limit_s: float
) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            end = await first_end(READY_AND_ALIVE, replace(around, hang_limit_s=hang_limit_s))
            assert end.how == "exited with code 7", "which was long after the limit"

    asyncio.run(scenario())


def test_a_child_that_was_told_to_stop_has_its_whole_grace_also_if_it_hangs(
    tmp_path: Path, hang_limit_s: float
) -> None:
    async def scenario() -> float:
        async with surroundings(tmp_path) as around:
            keeper = keeper_of(python(IGNORE_SIGTERM), replace(around, hang_limit_s=hang_limit_s))
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            began = around.clock.now()
            keeper.told_to_stop(StopOrder(signal.SIGTERM, 3 * hang_limit_s))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return around.clock.now() - began

    assert asyncio.run(scenario()) >= 3 * hang_limit_s
