from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Final

import pytest

from cli.supervisor import watchdog
from cli.supervisor.watchdog import keep_turning, told_every_s, wait_hung
from common.loop_health import LoopHealth
from tests.support.aio import run, turns
from tests.support.clock import ManualClock

# Exact in binary, so that a limit of three looks is one of three.
LOOK_S: Final = 1 / 1024


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_LOOK_S", LOOK_S)
    monkeypatch.setattr(watchdog, "_TURN_S", 0.0)


@pytest.mark.parametrize(("limit", "looks"), [(2.0, 3), (2.5, 4), (60.0, 61)])
def test_a_child_hangs_that_was_not_heard_between_so_many_looks(limit: float, looks: int) -> None:
    asked = list[bool]()

    def has_spoken() -> bool:
        # At its READY=1, before the first look.
        asked.append(not asked)
        return asked[-1]

    run(wait_hung(has_spoken, limit * LOOK_S))
    assert len(asked) == looks


def test_whoever_speaks_now_and_then_does_not_hang() -> None:
    words = iter([True, False, False] * 20 + [False])
    run(wait_hung(lambda: next(words), 3 * LOOK_S))
    assert next(words, None) is None, "it was heard to the end"


@pytest.mark.parametrize(
    ("environ", "every_s"),
    [
        ({}, math.inf),
        ({"WATCHDOG_USEC": ""}, math.inf),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        # Of a parent.
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, math.inf),
    ],
)
def test_systemd_is_told_twice_in_the_time_it_gives(environ: Mapping[str, str], every_s: float) -> None:
    assert told_every_s(environ, 7) == every_s


def test_the_loop_says_that_it_turns_until_it_is_told_to_end() -> None:
    clock, told = ManualClock(), list[float]()

    async def scenario() -> None:
        turning = asyncio.create_task(keep_turning(LoopHealth(clock, 1.0, lambda: told.append(clock.now()))))
        for _ in range(3):
            clock.advance(1.0)
            await turns(2)
        turning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turning

    run(scenario())
    assert len(told) == 3
