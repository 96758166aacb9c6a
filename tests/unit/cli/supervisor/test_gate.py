from __future__ import annotations

import asyncio

from cli.supervisor.gate import Gate
from tests.support.aio import run


class Worker:
    """A process that ends when it is killed."""

    def __init__(self) -> None:
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1


def test_an_open_gate_lets_everybody_in_at_once() -> None:
    async def scenario() -> None:
        gate, worker = Gate(), Worker()
        for _ in range(2):
            (await gate.enter()).began(worker.kill)
        assert worker.kills == 0

    run(scenario())


def test_clearing_ends_whoever_is_there_and_waits_for_the_last() -> None:
    async def scenario() -> None:
        gate, workers = Gate(), [Worker(), Worker()]
        visits = [await gate.enter() for _ in workers]
        for visit, worker in zip(visits, workers, strict=True):
            visit.began(worker.kill)
        clearing = asyncio.create_task(gate.clear())
        await asyncio.sleep(0)
        assert [worker.kills for worker in workers] == [1, 1]
        gate.leave(visits[0])
        await asyncio.sleep(0)
        assert not clearing.done()
        gate.leave(visits[1])
        await clearing

    run(scenario())


def test_whoever_was_just_about_to_begin_is_waited_for_and_ended_too() -> None:
    async def scenario() -> None:
        gate, worker = Gate(), Worker()
        visit = await gate.enter()
        clearing = asyncio.create_task(gate.clear())
        await asyncio.sleep(0)
        assert not clearing.done()
        visit.began(worker.kill)
        assert worker.kills == 1
        gate.leave(visit)
        await clearing

    run(scenario())


def test_a_shut_gate_keeps_the_next_ones_waiting_until_it_opens() -> None:
    async def scenario() -> None:
        gate = Gate()
        await gate.clear()
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.open()
        assert not (await waiting).recalled

    run(scenario())


def test_only_ends_that_nobody_wanted_are_heard() -> None:
    async def scenario() -> list[int | None]:
        gate, codes = Gate(), list[int | None]()
        first, second = await gate.enter(), await gate.enter()
        gate.ended(first, 4)
        gate.heard = codes.append
        gate.ended(first, 5)
        second.recall()
        gate.ended(second, -9)
        return codes

    assert run(scenario()) == [5]
