"""Sessions that no worker has, and who takes them when one comes."""

from __future__ import annotations

from tests.support.aio import run, until
from tests.support.far_worker import FarWorker
from tests.support.pool_rig import Session, load, running, workers


def test_what_is_waiting_is_told_of_a_worker_that_joins() -> None:
    async def scenario() -> None:
        async with running() as rig:
            waiting, gone = Session(1), Session(2)
            for session in (waiting, gone):
                rig.pool.wait(session)
            rig.pool.forget(gone)
            rig.pool.follow([FarWorker("b:0", load()).member("first", "b")])
            await until(lambda: waiting.taken_up == 1)
            assert gone.taken_up == 0

    run(scenario())


def test_the_first_worker_to_come_back_is_left_what_is_its_share_of_many() -> None:
    async def scenario() -> None:
        own = workers(*[load(ready=False)] * 4)
        async with running(*own) as rig:
            for number in range(200):
                rig.pool.wait(Session(number))
            left = []
            for worker in own:
                worker.says(load())
                left.append(rig.pool.waiting)
            assert left == [150, 100, 50, 0]

    run(scenario())


def test_where_the_others_stay_away_it_gets_the_rest_little_by_little() -> None:
    async def scenario() -> None:
        own = workers(load(ready=False), load(ready=False))
        async with running(*own) as rig:
            for number in range(100):
                rig.pool.wait(Session(number))
            left = []
            for _ in range(4):
                own[0].says(load())
                left.append(rig.pool.waiting)
            assert left == [50, 25, 9, 0]

    run(scenario())


def test_it_counts_who_waits() -> None:
    async def scenario() -> None:
        async with running() as rig:
            first, second = Session(1), Session(2)
            rig.pool.wait(first)
            rig.pool.wait(second)
            assert rig.pool.waiting == 2
            rig.pool.forget(first)
            assert rig.pool.waiting == 1

    run(scenario())
