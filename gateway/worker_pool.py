"""The workers that sessions can be placed with, of this instance and of others, and a link to each."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from operator import attrgetter
from typing import Final

from common.capacity import FIRST_EPOCH, retry_after_s
from common.errors import NoWorker, Overloaded
from common.events import SessionOptions
from common.link import Hello
from gateway.admission import Limits
from gateway.host_metrics import HostMetrics
from gateway.host_view import WorkerRow
from gateway.link_keeper import LinkKeeper, Member
from gateway.placement import Candidate, Domain, place
from gateway.session_seams import Relayed
from gateway.worker_link import SessionStream, WorkerLink

log = logging.getLogger(__name__)

# Waiting sessions that a worker which comes back is given in any case: it has heard them again in a moment.
_AT_ONCE: Final = 16


class WorkerPool:
    def __init__(
        self,
        own: Sequence[Member],
        seed: Callable[[], str],
        make_link: Callable[[], WorkerLink],
        metrics: HostMetrics,
    ) -> None:
        """`own`: the workers of this instance, which are there for good. `seed`: the hash's secret now."""
        self._own = [member.worker for member in own]
        self._seed = seed
        self._make_link = make_link
        self._metrics = metrics
        self._keepers = {member.worker: LinkKeeper(member, make_link, self) for member in own}
        self._tasks: asyncio.TaskGroup | None = None
        self._seen_ready = asyncio.Event()
        self._waiting: dict[Relayed, None] = {}

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            for keeper in self._keepers.values():
                keeper.start(self._tasks)
            # Also while there is no worker at all.
            await asyncio.Event().wait()

    def limit(self, limits: Limits) -> None:
        """Of the workers, from now on; links that are yet to come have those of `make_link`."""
        for keeper in self._keepers.values():
            if keeper.link is not None:
                keeper.link.room.limits = limits

    # --- members -------------------------------------------------------------------------------

    def follow(self, others: Iterable[Member]) -> None:
        """These are the workers of other instances now."""
        known = {member.worker: member for member in others}
        self._drop_ended()
        for worker in self._keepers.keys() - known.keys() - set(self._own):
            self._keepers[worker].retire()
        for member in known.values():
            keeper = self._keepers.get(member.worker)
            if keeper is None or keeper.member.incarnation != member.incarnation:
                self._replace(keeper, member)
            else:
                keeper.keep_on()
        self.links_changed()

    def _replace(self, former: LinkKeeper | None, member: Member) -> None:
        keeper = self._keepers[member.worker] = LinkKeeper(member, self._make_link, self, former)
        if former is not None:
            former.stop()
        if self._tasks is not None:
            keeper.start(self._tasks)

    def _drop_ended(self) -> None:
        self._keepers = {worker: keeper for worker, keeper in self._keepers.items() if not keeper.over}

    # --- KeeperOwner ---------------------------------------------------------------------------

    def worker_ready(self) -> None:
        self._seen_ready.set()
        if self._waiting:
            self._serve_waiting()

    def links_changed(self) -> None:
        self._drop_ended()
        known = Counter(keeper.member.instance for keeper in self._keepers.values())
        linked = Counter(keeper.member.instance for keeper in self._keepers.values() if keeper.link)
        self._metrics.workers(known, linked)

    # --- what is known -------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return any(link.ready for link in self._links().values())

    async def wait_ready(self) -> None:
        """Return once a session could be placed for the first time."""
        await self._seen_ready.wait()

    @property
    def waiting(self) -> int:
        """Sessions that no worker has at the moment."""
        return len(self._waiting)

    def own_rows(self) -> list[WorkerRow]:
        return [self._row(worker) for worker in self._own]

    def rows(self) -> list[WorkerRow]:
        """Own workers first."""
        others = sorted(self._keepers.keys() - set(self._own), key=lambda worker: (len(worker), worker))
        return self.own_rows() + [self._row(worker) for worker in others]

    def _links(self) -> dict[str, WorkerLink]:
        return {worker: keeper.link for worker, keeper in self._keepers.items() if keeper.link is not None}

    def _row(self, worker: str) -> WorkerRow:
        keeper = self._keepers.get(worker)
        link = None if keeper is None else keeper.link
        if link is None or link.hello is None or link.load is None:
            return WorkerRow(worker, None, "down", None, 0, 0, 0, None)
        load = link.load
        return WorkerRow(
            id=worker,
            pid=link.hello.pid,
            state="ready" if load.ready else "not_ready",
            gpu=load.gpu,
            sessions=link.room.sessions,
            speaking=load.speaking,
            lag_ms=load.lag_ms,
            metrics_url=link.hello.metrics_url,
        )

    # --- sessions ------------------------------------------------------------------------------

    def open(self, session: Relayed, options: SessionOptions, epoch: int, avoid: str | None) -> SessionStream:
        """Place a session, with the worker `avoid` only if there is no other. Raises `NoWorker`, and for one
        that has just begun `Overloaded`; one that moves goes to the least bad worker if none has room."""
        ready = {worker: link for worker, link in self._links().items() if link.ready}
        others = [worker for worker in ready if worker != avoid] or list(ready)
        if not others:
            raise NoWorker()
        free = [_candidate(worker, ready[worker]) for worker in others if ready[worker].room.is_free]
        chosen = place(session.id, free, self._seed(), self._domain(avoid))
        if chosen is not None:
            return ready[chosen.worker].open(session, options, epoch)
        if epoch == FIRST_EPOCH:
            raise Overloaded(retry_after_s=retry_after_s(session.id))
        least_bad = min(others, key=lambda worker: ready[worker].room.burden)
        return ready[least_bad].open(session, options, epoch)

    def _domain(self, lost: str | None) -> Domain | None:
        """What else may be gone with that worker, as it said when it was there."""
        keeper = None if lost is None else self._keepers.get(lost)
        if lost is None or keeper is None or keeper.last_hello is None:
            return None
        return _domain(lost, keeper.last_hello)

    def wait(self, session: Relayed) -> None:
        """It is told to take up a worker as soon as one is ready."""
        self._waiting[session] = None

    def forget(self, session: Relayed) -> None:
        self._waiting.pop(session, None)

    def _serve_waiting(self) -> None:
        """Who has spoken last has the least to be heard again, and waits for it. Workers that were lost
        together come back one by one: the first is not given all that the others will have room for."""
        absent = sum(not (keeper.link and keeper.link.ready) for keeper in self._keepers.values())
        share = max(_AT_ONCE, ceil(len(self._waiting) / (absent + 1)))
        for session in sorted(self._waiting, key=attrgetter("unsettled"))[:share]:
            self.forget(session)
            try:
                if not session.take_up():
                    self.wait(session)
            except Exception:
                # Whatever goes wrong in one session must not cut the link of all.
                log.exception("session failed", extra={"session": session.id})
                session.broken()


def _domain(worker: str, hello: Hello) -> Domain:
    return Domain(worker, hello.host, hello.card)


def _candidate(worker: str, link: WorkerLink) -> Candidate:
    assert link.hello is not None, "who is ready has said who it is"
    return Candidate(_domain(worker, link.hello), link.room.sessions, link.hello.capacity)
