"""A gateway's workers at the far end of links that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.capacity import FIRST_EPOCH
from common.checkpoint import Checkpoint
from common.events import Event, SessionOptions
from common.link import Load
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.lost_workers import LostWorkers
from gateway.metrics import GatewayMetrics
from gateway.strikes import Strikes
from gateway.worker_link import SessionStream, WorkerLink
from gateway.worker_pool import WorkerPool
from tests.support.aio import until
from tests.support.clock import ManualClock
from tests.support.far_worker import FarWorker

LIMITS = Limits(max_lag_ms=1_000, max_speaking=2)
ANY = Limits()


class Session:
    checkpoint = Checkpoint(0, 0, 0)
    unsettled = 0
    trace = ""

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
