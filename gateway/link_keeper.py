"""Keeps the link to one worker: made again whenever it breaks, for as long as the worker is known."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from common.backoff import Backoff
from common.end_notice import EndWatch
from common.link import Frame, FrameType, Hello
from common.link_transport import LinkTransport
from gateway.dialing import Dial
from gateway.worker_link import WorkerLink

log = logging.getLogger(__name__)

PING_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Member:
    """`incarnation` is that of its process; None for a worker of this instance, whichever process it is.
    `end_notice`: where it gives one, if it is on this host."""

    worker: str
    instance: str
    dial: Dial
    incarnation: str | None = None
    end_notice: Path | None = None


class KeeperOwner(Protocol):
    def worker_ready(self) -> None:
        """One has said that it is."""
        ...

    def links_changed(self) -> None:
        """One has come up, was lost, or is kept no longer."""
        ...


class LinkKeeper:
    def __init__(
        self,
        member: Member,
        make_link: Callable[[], WorkerLink],
        owner: KeeperOwner,
        former: LinkKeeper | None = None,
    ) -> None:
        """`former` has kept the link to this worker's process before."""
        self.member = member
        self._make_link = make_link
        self._owner = owner
        self._retired = False
        self._task: asyncio.Task[None] | None = None
        self.link: WorkerLink | None = None
        self.last_hello: Hello | None = None if former is None else former.last_hello

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        self._task = tasks.create_task(self._run(), name=f"link:{self.member.worker}")
        self._task.add_done_callback(lambda _: self._owner.links_changed())

    def stop(self) -> None:
        """At once; sessions on the link hear that it is lost."""
        if self._task is not None:
            self._task.cancel()

    def retire(self) -> None:
        """Nobody knows the worker any more: a link that is up proves it, but no new one is made."""
        self._retired = True
        if self.link is None:
            self.stop()

    def keep_on(self) -> None:
        """It is known after all."""
        self._retired = False

    # --- the link ------------------------------------------------------------------------------

    async def _run(self) -> None:
        backoff = Backoff(first_s=0.05, limit_s=0.5)
        while not self._retired:
            try:
                if await self._connected():
                    backoff.reset()
            except OSError as error:
                log.debug("no link", extra={"worker": self.member.worker, "cause": str(error)})
            await asyncio.sleep(backoff.next_delay_s())

    async def _connected(self) -> bool:
        """One connection, from its making to its loss; whether the worker has said who it is."""
        link, lost = self._make_link(), asyncio.Event()
        owner = _WatchedLink(self, link, lost)
        try:
            await self.member.dial(lambda: LinkTransport(owner))
            with _end_watched(self.member.end_notice, link):
                await self._watch(link, lost)
        finally:
            self.link = None
            link.abort()
            self._owner.links_changed()
        log.warning("worker lost", extra={"worker": self.member.worker})
        return link.hello is not None

    async def _watch(self, link: WorkerLink, lost: asyncio.Event) -> None:
        while not lost.is_set():
            link.ping()
            if link.pulse.is_silent():
                link.abort()
            # Not by `wait_for`: before Python 3.12 it forgets its cancellation if the link is lost just then.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await lost.wait()

    def up(self, link: WorkerLink) -> None:
        self.link = link
        self._owner.links_changed()

    def heard(self, link: WorkerLink, kind: FrameType) -> None:
        self.last_hello = link.hello or self.last_hello
        if kind is FrameType.LOAD and link.ready:
            self._owner.worker_ready()


@contextmanager
def _end_watched(notice: Path | None, link: WorkerLink) -> Iterator[None]:
    """The link is lost with the process at its other end, however long that takes to let go of its socket."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.call_soon_threadsafe(link.peer_ended)

    try:
        watch = None if notice is None else EndWatch(notice, ended)
    except FileNotFoundError:
        # A worker of a former version gives none.
        watch = None
    try:
        yield
    finally:
        if watch is not None:
            watch.stop()


class _WatchedLink:
    """Passes everything on to the link, and tells its keeper."""

    def __init__(self, keeper: LinkKeeper, link: WorkerLink, lost: asyncio.Event) -> None:
        self._keeper = keeper
        self._link = link
        self._lost = lost

    def link_up(self, link: LinkTransport) -> None:
        self._link.link_up(link)
        self._keeper.up(self._link)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self._link.frame(link, frame)
        self._keeper.heard(self._link, frame.kind)

    def link_lost(self, link: LinkTransport) -> None:
        self._lost.set()
        self._link.link_lost(link)
