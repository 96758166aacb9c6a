"""Which worker a session is given, by what the workers have reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.capacity import FIRST_EPOCH
from common.checkpoint import Checkpoint
from common.errors import NoWorker, Overloaded
from common.events import Event, SessionOptions
from common.link import LINK_VERSION, Frame, FrameType, Hello, Load
from common.link_transport import LinkTransport
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.lost_workers import LostWorkers
from gateway.strikes import Strikes
from gateway.worker_link import WorkerLink
from gateway.worker_pool import WorkerPool
from tests.support.aio import run
from tests.support.clock import ManualClock

LIMITS = Limits(max_lag_ms=1_000, max_speaking=2)


class Session:
    checkpoint = Checkpoint(0, 0, 0)
    unsettled = 0

    def __init__(self, number: int) -> None:
        self.id = f"{number:016x}"
        self.strikes = Strikes()

    def opened(self) -> None: ...

    def credit(self, samples: int) -> None: ...

    def settled(self, checkpoint: Checkpoint) -> None: ...

    def event(self, event: Event) -> None: ...

    @property
    def pin_epoch(self) -> int:
        return 1

    def leave(self) -> None: ...

    def worker_lost(self) -> None: ...

    def cause_known(self) -> None: ...

    def broken(self) -> None: ...

    def take_up(self) -> bool:
        return True


class Rig:
    """A pool whose links lead to the test. Needs a running loop."""

    def __init__(self, *loads: Load) -> None:
        self._lost = LostWorkers(ManualClock(), Causes())
        self.pool = WorkerPool(Path("/nowhere"), len(loads), lambda: "seed", self._make_link)
        self._opened = 0
        for worker, load in enumerate(loads):
            link = self._make_link()
            transport = LinkTransport(link)
            transport.write = lambda frame: None  # type: ignore[method-assign]
            link.link_up(transport)
            hello = Hello(LINK_VERSION, str(worker), 1, "http://127.0.0.1:1/metrics")
            for kind, payload in ((FrameType.HELLO, hello), (FrameType.LOAD, load)):
                link.frame(transport, Frame(kind, 0, 0, 0, payload))
            self.pool._links[str(worker)] = link

    def _make_link(self) -> WorkerLink:
        return WorkerLink("0", "http://127.0.0.1:1/metrics", LIMITS, lambda: None, self._lost)

    def open(self, epoch: int = FIRST_EPOCH, avoid: str | None = None) -> str:
        """The worker that the next session is given."""
        self._opened += 1
        return self.pool.open(Session(self._opened), SessionOptions(), epoch, avoid).worker


def load(*, lag_ms: int = 0, engaged: int = 0, ready: bool = True) -> Load:
    return Load(ready, engaged, 0, lag_ms, 0, None, engaged=engaged)


def test_a_burst_is_given_what_there_is_room_for_and_not_one_more() -> None:
    async def scenario() -> None:
        rig = Rig(load(), load(engaged=1), load(lag_ms=1_001))
        assert sorted(rig.open() for _ in range(3)) == ["0", "0", "1"]
        for _ in range(500):
            with pytest.raises(Overloaded) as refused:
                rig.open()
            assert refused.value.retry_after_s

    run(scenario())


def test_no_worker_is_another_matter_than_no_room() -> None:
    async def scenario() -> None:
        with pytest.raises(NoWorker):
            Rig(load(ready=False)).open()

    run(scenario())


def test_a_session_that_moves_goes_to_a_worker_with_room_if_there_is_one() -> None:
    async def scenario() -> None:
        rig = Rig(load(engaged=2), load(engaged=1), load(lag_ms=1_001))
        assert rig.open(epoch=2) == "1"

    run(scenario())


def test_a_session_that_moves_is_never_refused_and_goes_where_it_is_least_bad() -> None:
    async def scenario() -> None:
        rig = Rig(load(engaged=3), load(engaged=2), load(lag_ms=1_001), load(lag_ms=5_000))
        assert [rig.open(epoch=2) for _ in range(3)] == ["1", "0", "1"]
        assert rig.open(epoch=2, avoid="0") == "1"
        assert Rig(load(engaged=9)).open(epoch=2, avoid="0") == "0"

    run(scenario())


def test_it_counts_who_waits() -> None:
    async def scenario() -> None:
        rig = Rig()
        first, second = Session(1), Session(2)
        rig.pool.wait(first)
        rig.pool.wait(second)
        assert rig.pool.waiting == 2
        rig.pool.forget(first)
        assert rig.pool.waiting == 1

    run(scenario())
