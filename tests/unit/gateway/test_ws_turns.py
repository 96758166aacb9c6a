"""Works in turns, on the loops that gateways and tests run on."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from gateway.ws_turns import Turns
from tests.support.websocket_rig import on_each_loop

BUSY_S = 0.001


@on_each_loop
async def test_works_are_done_in_the_order_in_which_they_were_asked_for() -> None:
    turns, done = Turns(), list[int]()
    for number in range(10):
        turns.ask(partial(done.append, number))
    await until_idle(turns)
    assert done == list(range(10))


@on_each_loop
async def test_who_asks_again_comes_after_those_who_wait() -> None:
    turns, done = Turns(), list[str]()

    def twice() -> None:
        done.append("first")
        turns.ask(lambda: done.append("again"))

    turns.ask(twice)
    turns.ask(lambda: done.append("other"))
    await until_idle(turns)
    assert done == ["first", "other", "again"]


@on_each_loop
async def test_the_loop_goes_round_while_many_wait() -> None:
    turns, done = Turns(), list[int]()

    def work(number: int) -> None:
        compute()
        done.append(number)

    for number in range(30):
        turns.ask(partial(work, number))
    rounds = 0
    while len(done) < 30:
        await asyncio.sleep(0)
        rounds += 1
    assert rounds >= 10


@on_each_loop
async def test_a_work_that_raises_keeps_nobody_from_his_turn() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)
    turns, done = Turns(), list[str]()

    def fail() -> None:
        raise RuntimeError

    turns.ask(fail)
    turns.ask(lambda: done.append("other"))
    await until_idle(turns)
    assert done == ["other"]


def compute() -> None:
    until = time.thread_time() + BUSY_S
    while time.thread_time() < until:
        pass


async def until_idle(turns: Turns) -> None:
    """A work that was asked for last is done last."""
    idle = asyncio.Event()
    for _ in range(2):
        idle.clear()
        turns.ask(idle.set)
        await idle.wait()
