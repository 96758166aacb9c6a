"""Two instances of this machine, a card each, one nginx before both, and a Redis that joins them when wanted.

Both are started at once, which saves minutes; the second one is told of a Redis that is not there yet.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cli.front import Gateway
from tests.support.nginx import BOUNDS, Nginx, front_of
from tests.support.processes import Deployment, DidNotStart, Plan, wait_until
from tests.support.redis_server import PASSWORD, RedisServer

# What both are told, so that tokens of sessions hold at the other one, whoever was first at the Redis.
_SEED: Final = "the seed of both instances"
_JOINED_WITHIN_S: Final = 30.0
# All clients have one address here.
_BOUNDS: Final = replace(BOUNDS, connections_per_address=0)


@dataclass(frozen=True, slots=True)
class PairPlan:
    """`devices`: of the two instances. `cores`: of each, the first ones of this machine to the first; 0: no
    cores of their own. `flags`: of `voxshard serve`, for both. `boot_s`: within which both are ready."""

    engine: str
    devices: tuple[str, str]
    workers: int
    gateways: int
    cores: int
    boot_s: float
    flags: tuple[str, ...] = ()


class Pair:
    """From `with` until the block is left; nothing runs any more then."""

    def __init__(self, plan: PairPlan) -> None:
        self._plan = plan
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Raises `DidNotStart`, `NoRedis` and `NoNginx`."""
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _start(self) -> None:
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="voxshard-pair-")))
        self._redis = self._open.enter_context(RedisServer())
        self._door = folder / "redis"
        self.one = self._started(0, self._redis.url)
        self.other = self._started(1, f"unix://:{PASSWORD}@{self._door}")
        for instance in self._both:
            instance.wait_ready(self._plan.boot_s)
        self.front_of_one = self._before(self.one.behind)
        self.front = self._before([*self.one.behind, *self.other.behind])

    def _before(self, gateways: Sequence[Gateway]) -> str:
        return self._open.enter_context(Nginx(front_of(gateways, _BOUNDS))).url

    @property
    def _both(self) -> tuple[Deployment, Deployment]:
        return self.one, self.other

    def _started(self, number: int, redis_url: str) -> Deployment:
        plan = self._plan
        flags = ("--proxied", "--device", plan.devices[number], "--placement-seed", _SEED, *plan.flags)
        environ = {"VOXSHARD_REDIS_URL": redis_url}
        instance = Deployment(Plan(plan.engine, plan.workers, plan.gateways, flags, environ))
        # Nobody is there to be said goodbye to, and engines take long to leave.
        self._open.callback(instance.close)
        self._open.callback(instance.kill_all)
        with _on_cores(number * plan.cores, plan.cores):
            instance.start()
        return instance

    def join(self) -> None:
        """From now on both know each other's workers, and sessions of one can be resumed at the other."""
        self._door.symlink_to(self._redis.socket)
        wait_until(self._joined, _JOINED_WITHIN_S, "the instances know each other")

    def _joined(self) -> bool:
        pages = [
            instance.metrics(instance.gateway_url(number))
            for instance in self._both
            for number in range(self._plan.gateways)
        ]
        linked = [page.total("asr_gateway_workers", state="linked") for page in pages]
        shared = [page.total("asr_records_shared") for page in pages]
        return set(linked) == {2 * self._plan.workers} and set(shared) == {1}

    def metrics_of_one(self) -> tuple[str, ...]:
        return tuple(self._pages(self.one))

    def metrics_of_other(self) -> tuple[str, ...]:
        return tuple(self._pages(self.other))

    def _pages(self, instance: Deployment) -> Iterator[str]:
        for number in range(self._plan.gateways):
            yield instance.gateway_url(number) + "/metrics"
        for number in range(self._plan.workers):
            yield instance.worker_url(str(number)) + "/metrics"


@contextmanager
def _on_cores(first: int, count: int) -> Iterator[None]:
    """What is started within keeps to these cores, if `count` is not 0."""
    all_cores = os.sched_getaffinity(0)
    if count:
        os.sched_setaffinity(0, cores_from(first, count, all_cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def cores_from(first: int, count: int, there_are: Collection[int]) -> list[int]:
    """Raises `DidNotStart` if there are fewer: unequal instances cannot be compared."""
    cores = sorted(there_are)[first : first + count]
    if len(cores) < count:
        raise DidNotStart(f"--cores {count} is for each of two, and there are {len(there_are)} cores")
    return cores
