"""The workers of this host: a link to each, made again whenever it breaks; new sessions are placed here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Final

from common.backoff import Backoff
from common.capacity import FIRST_EPOCH, retry_after_s
from common.errors import NoWorker, Overloaded
from common.events import SessionOptions
from common.link import Frame, FrameType
from common.link_transport import LinkTransport
from gateway.host_view import WorkerRow
from gateway.placement import Candidate, place
from gateway.session_seams import Relayed
from gateway.worker_link import SessionStream, WorkerLink

log = logging.getLogger(__name__)

PING_S: Final = 0.5


class WorkerPool:
    def __init__(
        self, run_dir: Path, workers: int, seed: Callable[[], str], make_link: Callable[[], WorkerLink]
    ) -> None:
        """`seed`: the secret of the hash, as it is now."""
        self._paths = {str(index): run_dir / f"worker-{index}.sock" for index in range(workers)}
        self._seed = seed
        self._make_link = make_link
        self._links: dict[str, WorkerLink] = {}
        self._seen_ready = asyncio.Event()
        self._waiting: dict[Relayed, None] = {}

    @property
    def ready(self) -> bool:
        return any(link.ready for link in self._links.values())

    async def wait_ready(self) -> None:
        """Return once a session could be placed for the first time."""
        await self._seen_ready.wait()

    @property
    def waiting(self) -> int:
        """Sessions that no worker has at the moment."""
        return len(self._waiting)

    def rows(self) -> list[WorkerRow]:
        return [self._row(worker) for worker in self._paths]

    def open(self, session: Relayed, options: SessionOptions, epoch: int, avoid: str | None) -> SessionStream:
        """Place a session, with the worker `avoid` only if there is no other. Raises `NoWorker`, and for one
        that has just begun `Overloaded`; one that moves goes to the least bad worker if none has room."""
        ready = {worker: link for worker, link in self._links.items() if link.ready}
        others = [worker for worker in ready if worker != avoid] or list(ready)
        if not others:
            raise NoWorker()
        free = [Candidate(worker, ready[worker].sessions) for worker in others if ready[worker].room.is_free]
        chosen = place(session.id, free, self._seed())
        if chosen is not None:
            return ready[chosen.worker].open(session, options, epoch)
        if epoch == FIRST_EPOCH:
            raise Overloaded(retry_after_s=retry_after_s(session.id))
        least_bad = min(others, key=lambda worker: ready[worker].room.burden)
        return ready[least_bad].open(session, options, epoch)

    def wait(self, session: Relayed) -> None:
        """It is told to take up a worker as soon as one is ready."""
        self._waiting[session] = None

    def forget(self, session: Relayed) -> None:
        self._waiting.pop(session, None)

    def _serve_waiting(self) -> None:
        """Who has spoken last has the least to be heard again, and waits for it."""
        for session in sorted(self._waiting, key=attrgetter("unsettled")):
            self.forget(session)
            try:
                if not session.take_up():
                    self.wait(session)
            except Exception:
                # Whatever goes wrong in one session must not cut the link of all.
                log.exception("session failed")
                session.broken()

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker, path in self._paths.items():
                tasks.create_task(self._keep_link(worker, path), name=f"link:{worker}")

    async def _keep_link(self, worker: str, path: Path) -> None:
        backoff = Backoff(first_s=0.05, limit_s=0.5)
        while True:
            link = self._make_link()
            try:
                await self._connected(worker, link, path)
                backoff.reset()
            except OSError:
                log.debug("no link", extra={"worker": worker})
            await asyncio.sleep(backoff.next_delay_s())

    async def _connected(self, worker: str, link: WorkerLink, path: Path) -> None:
        """One connection, from its making to its loss."""
        lost = asyncio.Event()
        owner = _WatchedLink(link, self._is_ready, lost)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: LinkTransport(owner), str(path))
        self._links[worker] = link
        try:
            await self._watch(link, lost)
        finally:
            del self._links[worker]
            link.abort()
        log.warning("worker lost", extra={"worker": worker})

    async def _watch(self, link: WorkerLink, lost: asyncio.Event) -> None:
        while not lost.is_set():
            link.ping()
            if link.pulse.is_silent():
                link.abort()
            # Not by `wait_for`: before Python 3.12 it forgets its cancellation if the link is lost just then.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await lost.wait()

    def _is_ready(self) -> None:
        """A worker has said so."""
        self._seen_ready.set()
        if self._waiting:
            self._serve_waiting()

    def _row(self, worker: str) -> WorkerRow:
        link = self._links.get(worker)
        if link is None or link.hello is None or link.load is None:
            return WorkerRow(worker, None, "down", None, 0, 0, 0, None)
        load = link.load
        state = "ready" if load.ready else "not_ready"
        return WorkerRow(
            id=worker,
            pid=link.hello.pid,
            state=state,
            gpu=load.gpu,
            sessions=link.sessions,
            speaking=load.speaking,
            lag_ms=load.lag_ms,
            metrics_url=link.hello.metrics_url,
        )


class _WatchedLink:
    """Passes everything on to the link; says whenever it is ready, and when it is lost."""

    def __init__(self, link: WorkerLink, ready: Callable[[], None], lost: asyncio.Event) -> None:
        self.link_up = link.link_up
        self._link = link
        self._ready = ready
        self._lost = lost

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self._link.frame(link, frame)
        if frame.kind is FrameType.LOAD and self._link.ready:
            self._ready()

    def link_lost(self, link: LinkTransport) -> None:
        self._lost.set()
        self._link.link_lost(link)
