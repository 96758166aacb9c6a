"""All live sessions of this process, by id, each with the link it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.capacity import QUIET_AFTER_S, expected_speakers, has_room, retry_after_s
from common.clock import Clock
from common.errors import Overloaded, SessionEvicted, SessionInUse
from worker.metrics import WorkerMetrics
from worker.session import SessionLife, WorkerSession


@dataclass(slots=True)
class _Entry:
    session: WorkerSession
    owner: object
    pin_epoch: int
    heard_at: float
    engaged_at: float


class SessionTable:
    """A session stays while its gateway gives signs of life; after `timeout_s` without one it is evicted."""

    def __init__(self, timeout_s: float, metrics: WorkerMetrics, clock: Clock) -> None:
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[WorkerSession]:
        return iter([entry.session for entry in self._entries.values()])

    def ids(self) -> list[str]:
        """Safe to call from any thread: one step of the interpreter."""
        return list(self._entries)

    def make_free(self, session_id: str, pin_epoch: int) -> None:
        """Raises `SessionInUse` while a session with this id is live, unless its gateway is one that another
        has taken it over from."""
        entry = self._entries.get(session_id)
        if entry is None:
            return
        if entry.pin_epoch >= pin_epoch:
            raise SessionInUse()
        entry.session.fail(SessionInUse(), SessionLife.DROPPED)
        self.remove(entry.session, SessionLife.DROPPED)

    def check_room(self, session_id: str, most: int | None) -> None:
        """Raises `Overloaded` if with one session more too many might speak at once."""
        if most is not None and not has_room(expected_speakers(len(self), self.engaged()), most):
            raise Overloaded(retry_after_s=retry_after_s(session_id))

    def add(self, session: WorkerSession, owner: object, pin_epoch: int = 0) -> None:
        """`owner` is the link through which the session is fed."""
        now = self._clock.now()
        self._entries[session.id] = _Entry(session, owner, pin_epoch, heard_at=now, engaged_at=now)
        self._metrics.connected(len(self))

    def heard_from(self, owner: object) -> None:
        """A sign of life of a gateway keeps all its sessions; it is the gateway that watches its clients."""
        now = self._clock.now()
        for entry in self._entries.values():
            if entry.owner is owner:
                entry.heard_at = now

    def remove(self, session: WorkerSession, life: SessionLife) -> None:
        """End a session and forget it; idempotent."""
        session.end(life)
        entry = self._entries.get(session.id)
        if entry is not None and entry.session is session:
            del self._entries[session.id]
        self._metrics.connected(len(self))

    def remove_owned(self, owner: object) -> None:
        """The link is gone, and with it everybody on it."""
        for entry in [entry for entry in self._entries.values() if entry.owner is owner]:
            self.remove(entry.session, SessionLife.DROPPED)

    def evict_silent(self) -> list[WorkerSession]:
        """Evict what has had no sign of life for the timeout; returns them."""
        limit = self._clock.now() - self._timeout_s
        silent = [entry.session for entry in self._entries.values() if entry.heard_at < limit]
        for session in silent:
            session.fail(SessionEvicted(), SessionLife.EVICTED)
            self.remove(session, SessionLife.EVICTED)
            self._metrics.evicted()
        return silent

    def speaking(self) -> int:
        return sum(session.pipeline.speaking for session in self)

    def engaged(self) -> int:
        """Sessions that have begun, or spoken, within `QUIET_AFTER_S`. It has to be asked at every heartbeat:
        what was said in between is remembered by it."""
        now = self._clock.now()
        for entry in self._entries.values():
            if entry.session.pipeline.speaking:
                entry.engaged_at = now
        return sum(now - entry.engaged_at < QUIET_AFTER_S for entry in self._entries.values())

    def report(self) -> None:
        """To be called at every heartbeat. All sessions are looked at for this; those that come, many at once
        when another worker is lost, do not wait for it."""
        self._metrics.speaking(self.speaking(), self.engaged())
