from __future__ import annotations

import math

from common.loop_health import STUCK_AFTER_S, LoopHealth
from tests.support.clock import ManualClock


def test_whoever_started_this_is_told_about_once_a_second() -> None:
    clock, told = ManualClock(), list[float]()
    health = LoopHealth(clock, tell=lambda: told.append(clock.now()))
    began = clock.now()
    for _ in range(20):
        clock.advance(0.25)
        health.turned()
    assert [at - began for at in told] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_loop_that_goes_on_after_a_while_says_so_once() -> None:
    clock, told = ManualClock(), list[float]()
    health = LoopHealth(clock, tell=lambda: told.append(clock.now()))
    clock.advance(40.0)
    health.turned()
    health.turned()
    assert len(told) == 1


def test_where_nobody_listens_nothing_is_told() -> None:
    clock, told = ManualClock(), list[float]()
    health = LoopHealth(clock, math.inf, lambda: told.append(clock.now()))
    clock.advance(1_000.0)
    health.turned()
    assert told == []


def test_a_loop_that_stands_still_is_not_healthy_until_it_turns_again() -> None:
    clock = ManualClock()
    health = LoopHealth(clock, tell=lambda: None)
    clock.advance(STUCK_AFTER_S - 0.1)
    assert (health.reply().status, health.reply().body) == (200, b'{"status":"ok"}')
    clock.advance(0.1)
    assert health.reply().status == 503
    assert health.reply().body == b'{"status":"stuck","detail":"the event loop has stood still for 30 s"}'
    health.turned()
    assert health.reply().status == 200
