"""Which worker a session is given, by what the workers have reported, while workers come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.capacity import FIRST_EPOCH
from common.checkpoint import Checkpoint
from common.errors import NoWorker, Overloaded
from common.events import Event, SessionOptions
from common.link import Load
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.lost_workers import LostWorkers
from gateway.metrics import GatewayMetrics
from gateway.strikes import Strikes
from gateway.worker_link import SessionStream, WorkerLink
from gateway.worker_pool import WorkerPool
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.far_worker import FarWorker

LIMITS = Limits(max_lag_ms=1_000, max_speaking=2)
ANY = Limits()


class Session:
    checkpoint = Checkpoint(0, 0, 0)
    unsettled = 0

    def __init__(self, number: int) -> None:
        self.id = f"{number:016x}"
        self.strikes = Strikes()
        self.lost = 0
        self.taken_up = 0

    def opened(self) -> None: ...

    def credit(self, samples: int) -> None: ...

    def settled(self, checkpoint: Checkpoint) -> None: ...

    def event(self, event: Event) -> None: ...

    @property
    def pin_epoch(self) -> int:
        return 1

    def leave(self) -> None: ...

    def worker_lost(self) -> None:
        self.lost += 1

    def cause_known(self) -> None: ...

    def broken(self) -> None: ...

    def take_up(self) -> bool:
        self.taken_up += 1
        return True


class Rig:
    def __init__(self, own: list[FarWorker], limits: Limits) -> None:
        self.metrics = GatewayMetrics("0")
        self._limits = limits
        self._lost = LostWorkers(ManualClock(), Causes())
        members = [worker.member() for worker in own]
        self.pool = WorkerPool(members, lambda: "seed", self._make_link, self.metrics.hosts)
        self._opened = 0

    def _make_link(self) -> WorkerLink:
        return WorkerLink("0", "http://127.0.0.1:1/metrics", self._limits, lambda: None, self._lost)

    def place(self, epoch: int = FIRST_EPOCH, avoid: str | None = None) -> tuple[Session, SessionStream]:
        self._opened += 1
        session = Session(self._opened)
        return session, self.pool.open(session, SessionOptions(), epoch, avoid)

    def open(self, epoch: int = FIRST_EPOCH, avoid: str | None = None) -> str:
        """The worker that the next session is given."""
        return self.place(epoch, avoid)[1].worker

    def states(self) -> dict[str, str]:
        return {row.id: row.state for row in self.pool.rows()}

    def workers(self, instance: str, state: str) -> float | None:
        labels = {"gateway": "0", "instance": instance, "state": state}
        return self.metrics.registry.get_sample_value("asr_gateway_workers", labels)


@asynccontextmanager
async def running(*own: FarWorker, limits: Limits = LIMITS) -> AsyncIterator[Rig]:
    """A pool that has had a link to each of its own workers that is there."""
    rig = Rig(list(own), limits)
    task = asyncio.create_task(rig.pool.run())
    try:
        await until(lambda: all(worker.dialled for worker in own))
        yield rig
    finally:
        task.cancel()
        await asyncio.wait([task])


def load(*, lag_ms: int = 0, engaged: int = 0, ready: bool = True) -> Load:
    return Load(ready, engaged, 0, lag_ms, 0, None, engaged=engaged)


def workers(*loads: Load) -> list[FarWorker]:
    return [FarWorker(str(number), each) for number, each in enumerate(loads)]


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
