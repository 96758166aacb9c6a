"""A session between two workers: how long it is without one, and who is told."""

from __future__ import annotations

import logging
from typing import Final

from common.events import Degraded
from gateway.relay_services import RelayServices
from gateway.session_seams import RelayListener

log = logging.getLogger(__name__)

LINK: Final = "link"
DRAIN: Final = "drain"
# Of these the worker has one line: one for each of its sessions would cost more than the move itself.
_OF_ALL: Final = frozenset({LINK, DRAIN})


class Absence:
    def __init__(self, session: str, listener: RelayListener, services: RelayServices) -> None:
        self._session = session
        self._listener = listener
        self._services = services
        self._left_at: float | None = None
        self._waits_since: float | None = None

    def begins(self, why: str, worker: str, unsettled: int) -> None:
        """Another worker than this one has to go on; `unsettled`: samples that it has to hear again."""
        self._left_at = self._services.clock.now()
        self._services.metrics.moved(why, unsettled)
        self._listener.moves(why, worker, unsettled)
        level = logging.DEBUG if why in _OF_ALL else logging.INFO
        log.log(level, "session moves", extra={"session": self._session, "why": why, "from_worker": worker})

    def waits(self) -> None:
        """None is there. Whom a worker has refused in the meantime has waited ever since."""
        if self._waits_since is None:
            self._waits_since = self._services.clock.now()
            self._listener.event(Degraded(round(self._services.patience_s), self._services.eta_s()))

    def is_too_long(self, now: float) -> bool:
        return self._waits_since is not None and now - self._waits_since > self._services.patience_s

    def ends(self) -> None:
        """A worker has taken the session, the first one perhaps."""
        left_at, self._left_at = self._left_at, None
        waited, self._waits_since = self._waits_since is not None, None
        if left_at is not None:
            self._services.metrics.taken_up(self._services.clock.now() - left_at, waited=waited)
