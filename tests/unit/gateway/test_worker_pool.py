"""Which worker a session is given, by what the workers have reported, while workers come and go."""

from __future__ import annotations

import asyncio

import pytest

from common.errors import NoWorker, Overloaded
from gateway.admission import Limits
from tests.support.aio import run, until
from tests.support.far_worker import FarWorker
from tests.support.pool_rig import ANY, Rig, load, running, workers


def test_a_burst_is_given_what_there_is_room_for_and_not_one_more() -> None:
    async def scenario() -> None:
        async with running(*workers(load(), load(engaged=1), load(lag_ms=1_001))) as rig:
            assert sorted(rig.open() for _ in range(3)) == ["0", "0", "1"]
            for _ in range(500):
                with pytest.raises(Overloaded) as refused:
                    rig.open()
                assert refused.value.retry_after_s

    run(scenario())


def test_no_worker_is_another_matter_than_no_room() -> None:
    async def scenario() -> None:
        async with running(*workers(load(ready=False))) as rig:
            with pytest.raises(NoWorker):
                rig.open()

    run(scenario())


def test_a_session_that_moves_goes_to_a_worker_with_room_if_there_is_one() -> None:
    async def scenario() -> None:
        async with running(*workers(load(engaged=2), load(engaged=1), load(lag_ms=1_001))) as rig:
            assert rig.open(epoch=2) == "1"

    run(scenario())


def test_a_session_that_moves_is_never_refused_and_goes_where_it_is_least_bad() -> None:
    async def scenario() -> None:
        four = workers(load(engaged=3), load(engaged=2), load(lag_ms=1_001), load(lag_ms=5_000))
        async with running(*four) as rig:
            assert [rig.open(epoch=2) for _ in range(3)] == ["1", "0", "1"]
            assert rig.open(epoch=2, avoid="0") == "1"
        async with running(*workers(load(engaged=9))) as rig:
            assert rig.open(epoch=2, avoid="0") == "0"

    run(scenario())


def test_a_session_goes_away_from_the_card_and_from_the_host_that_it_was_lost_with() -> None:
    async def scenario() -> None:
        lost = FarWorker("0", load(engaged=8), "here", "card-0")
        near = FarWorker("1", load(engaged=8), "here", "card-0")
        beside = FarWorker("2", load(engaged=8), "here", "card-1")
        far = FarWorker("3", load(engaged=8), "there", "card-2")
        async with running(lost, near, beside, far, limits=ANY) as rig:
            lost.dies()
            await until(lambda: rig.states()["0"] == "down")
            assert {rig.open(epoch=2, avoid="0") for _ in range(2)} == {"3"}
            far.dies()
            await until(lambda: rig.states()["3"] == "down")
            assert {rig.open(epoch=2, avoid="0") for _ in range(2)} == {"2"}

    run(scenario())


def test_sessions_are_divided_by_capacity() -> None:
    async def scenario() -> None:
        small, large = FarWorker("0", load(), capacity=10), FarWorker("1", load(), capacity=30)
        async with running(small, large, limits=ANY) as rig:
            placed = [rig.open() for _ in range(40)]
            assert placed.count("1") == 30

    run(scenario())


def test_workers_of_other_instances_take_sessions_as_soon_as_they_are_known() -> None:
    async def scenario() -> None:
        async with running(*workers(load()), limits=ANY) as rig:
            far = FarWorker("b:0", load())
            rig.pool.follow([far.member("first", "b")])
            await until(lambda: rig.states() == {"0": "ready", "b:0": "ready"})
            assert {rig.open() for _ in range(20)} == {"0", "b:0"}
            assert [row.id for row in rig.pool.own_rows()] == ["0"]
            assert (rig.workers("b", "known"), rig.workers("b", "linked")) == (1, 1)

    run(scenario())


def test_members_that_are_known_before_it_runs_are_linked_too() -> None:
    async def scenario() -> None:
        far = FarWorker("b:0", load())
        rig = Rig([], ANY)
        rig.pool.follow([far.member("first", "b")])
        task = asyncio.create_task(rig.pool.run())
        await rig.pool.wait_ready()
        assert rig.pool.ready
        task.cancel()
        await asyncio.wait([task])

    run(scenario())


def test_a_link_outlives_what_the_directory_says_but_is_not_made_again() -> None:
    async def scenario() -> None:
        async with running() as rig:
            far = FarWorker("b:0", load())
            rig.pool.follow([far.member("first", "b")])
            await rig.pool.wait_ready()
            rig.pool.follow([])
            assert rig.open() == "b:0"
            far.cuts()
            await until(lambda: rig.states() == {})
            assert (far.dialled, rig.workers("b", "known")) == (1, None)

    run(scenario())


def test_who_is_known_again_before_its_link_is_lost_is_dialled_again() -> None:
    async def scenario() -> None:
        async with running() as rig:
            far = FarWorker("b:0", load())
            for members in ([far.member("first", "b")], [], [far.member("first", "b")]):
                rig.pool.follow(members)
                await rig.pool.wait_ready()
            far.cuts()
            await until(lambda: far.dialled == 2 and rig.pool.ready)

    run(scenario())


def test_who_is_gone_and_has_no_link_is_dialled_no_more() -> None:
    async def scenario() -> None:
        async with running() as rig:
            far = FarWorker("b:0", load())
            far.there = False
            rig.pool.follow([far.member("first", "b")])
            await until(lambda: far.dialled > 0)
            assert rig.states() == {"b:0": "down"}
            rig.pool.follow([])
            await until(lambda: rig.states() == {})

    run(scenario())


def test_a_new_process_takes_the_place_of_the_old_one_whose_sessions_move() -> None:
    async def scenario() -> None:
        async with running(limits=ANY) as rig:
            old, new = FarWorker("b:0", load(), "b", "card"), FarWorker("b:0", load(), "b", "card")
            rig.pool.follow([old.member("first", "b")])
            await rig.pool.wait_ready()
            session, _ = rig.place()
            rig.pool.follow([new.member("second", "b")])
            await until(lambda: session.lost == 1 and rig.pool.ready)
            assert (old.dialled, new.dialled) == (1, 1)

    run(scenario())


def test_new_limits_count_for_the_links_that_are_up() -> None:
    async def scenario() -> None:
        async with running(*workers(load(engaged=3)), limits=Limits(max_speaking=3)) as rig:
            with pytest.raises(Overloaded):
                rig.open()
            rig.pool.limit(Limits(max_speaking=4))
            assert rig.open() == "0"
            with pytest.raises(Overloaded):
                rig.open()

    run(scenario())


def test_new_limits_wait_for_workers_that_are_not_there() -> None:
    async def scenario() -> None:
        absent = FarWorker("0", load())
        absent.there = False
        async with running(absent) as rig:
            rig.pool.limit(Limits(max_speaking=4))

    run(scenario())
