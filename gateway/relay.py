"""One session between its client and whichever worker has it: when a worker is lost, another one goes on.

Every placement has an epoch of its own, and its frames reach the session only while it is the present one.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Final

from common.audio import seconds_to_samples
from common.capacity import FIRST_EPOCH
from common.checkpoint import Checkpoint
from common.errors import NoWorker, Overloaded, SessionEvicted, SessionInUse
from common.events import Acked, Event, Failed, Moved, SessionOptions, Stopped, failure
from gateway.absence import DRAIN, LINK, Absence
from gateway.hold import Beginning, SessionHold
from gateway.registry.records import Record
from gateway.relay_services import RelayServices
from gateway.session_feed import SessionFeed
from gateway.session_log import KEPT, MAX_ORDERS, Order, SessionLog
from gateway.session_seams import RelayListener
from gateway.strikes import FAILURES, FATAL, Strikes, Verdict

log = logging.getLogger(__name__)

# A session without a worker takes no more audio than leaves room for what its client has sent already.
_FULL: Final = KEPT - seconds_to_samples(4)


class Placement(Enum):
    BEGINNING = "beginning"
    OPENING = "opening"
    LIVE = "live"
    WAITING = "waiting"
    OVER = "over"


class SessionRelay:
    """A `SessionListener` for its placements, the `HoldListener` of its hold."""

    def __init__(
        self, beginning: Beginning, options: SessionOptions, listener: RelayListener, services: RelayServices
    ) -> None:
        self.id = beginning.session
        self.trace: Final = beginning.trace
        self.is_resumed: Final = beginning.is_resumed
        self._hold = SessionHold(beginning, options, services.registry, self)
        self._options = options
        self._listener = listener
        self._services = services
        self._absence = Absence(self.id, listener, services)
        self._feed = SessionFeed(SessionLog())
        self.strikes: Final = Strikes()
        self._state = Placement.BEGINNING
        self._began = False
        self._leaving = False
        self._epoch = 0

    def start(self) -> None:
        """Raises `SessionInUse`, `NoWorker` and `Overloaded`; where others are asked first, they come later,
        as events."""
        if not self._hold.begin():
            return
        try:
            self._place(avoid=None)
        except BaseException:
            self.close()
            raise

    @property
    def record(self) -> Record:
        """What of it is known for certain."""
        return self._hold.record

    @property
    def pin_epoch(self) -> int:
        return self._hold.epoch

    @property
    def worker(self) -> str:
        return self._feed.worker

    @property
    def _log(self) -> SessionLog:
        return self._feed.log

    @property
    def unsettled(self) -> int:
        return self._log.unsettled

    @property
    def at_rest(self) -> bool:
        """Nothing is half said, and whoever resumes it now has nothing to say again."""
        return self._state is Placement.LIVE and self._log.at_rest and self._hold.is_saved

    @property
    def full(self) -> bool:
        """Whether the client had better not be read from now."""
        if self._state is Placement.LIVE:
            return not self._feed.has_room
        return self._log.unsettled >= _FULL or self._log.orders >= MAX_ORDERS

    # --- from the client -----------------------------------------------------------------------

    def audio(self, pcm: bytes) -> None:
        self._feed.audio(pcm)

    def order(self, order: Order) -> None:
        self._feed.order(order)

    def configure(self, options: SessionOptions) -> None:
        self._options = options
        self._hold.configured(options)
        self._feed.configure(options)

    def check(self, now: float) -> None:
        if self._state is Placement.WAITING and self._absence.is_too_long(now):
            self._give_up()

    # --- HoldListener --------------------------------------------------------------------------

    def held(self) -> None:
        head = self._hold.record.head
        if self.is_resumed:
            self._options = head.options
            self._feed = SessionFeed(SessionLog(head.checkpoint, head.last_segment))
            # It was let in before: a session that moves is not refused.
            self._epoch = FIRST_EPOCH
        if head.heard is not None:
            self.close()
            self._listener.opened()
            self._listener.event(Stopped(head.heard))
            return
        try:
            self._place(avoid=None)
        except (NoWorker, Overloaded) as error:
            self._give_up(failure(error))

    def not_held(self, failed: Failed) -> None:
        self._give_up(failed)

    def saved(self, checkpoint: Checkpoint) -> None:
        if self._began and self._state is not Placement.OVER:
            self._listener.event(Acked(checkpoint.audio_from))

    # --- SessionListener -----------------------------------------------------------------------

    def opened(self) -> None:
        self._state = Placement.LIVE
        self._absence.ends()
        if self._began:
            self._listener.event(Moved(self.worker))
        else:
            self._began = True
            self._listener.opened()

    def credit(self, samples: int) -> None:
        self._feed.credit(samples)
        self._listener.flows()

    def settled(self, checkpoint: Checkpoint) -> None:
        self._log.settled(checkpoint)
        self._hold.settled(checkpoint)
        self.strikes.reached(checkpoint.segment)
        if self._leaving:
            self.leave()

    def leave(self) -> None:
        """At the latest when the worker ends, which is a loss like any other."""
        self._leaving = True
        if self._state is not Placement.LIVE or not self._log.at_rest:
            return
        left, worker, unsettled = self._feed.stream, self.worker, self._log.unsettled
        try:
            self._place(avoid=worker)
        except NoWorker:
            return
        if left is not None:
            left.close()
        self._absence.begins(DRAIN, worker, unsettled)

    def event(self, event: Event) -> None:
        if isinstance(event, Failed):
            self._refused(event)
            return
        if isinstance(event, Stopped):
            self._feed.end()
        if self._log.is_news(event):
            self._hold.heard(event)
            self._listener.event(event)

    def worker_lost(self) -> None:
        self._move(LINK)

    def cause_known(self) -> None:
        self._feed.suspect(self.strikes.suspects)
        if self._state is Placement.WAITING and self.strikes.verdict is Verdict.POISON:
            self._give_up(FATAL[Verdict.POISON])
        elif self.take_up():
            self._services.pool.forget(self)

    def broken(self) -> None:
        self._listener.broken()

    # --- placements ----------------------------------------------------------------------------

    def take_up(self, avoid: str | None = None) -> bool:
        """A worker may be there now: whether one has taken the session."""
        if self._state is not Placement.WAITING:
            return True
        if self.strikes.verdict is Verdict.HOLD:
            return False
        try:
            self._place(avoid)
        except NoWorker:
            return False
        return True

    def _place(self, avoid: str | None) -> None:
        stream = self._services.pool.open(self, self._options, self._epoch + 1, avoid)
        self._feed.begin(stream)
        self._state = Placement.OPENING
        self._epoch += 1
        self._leaving = False

    @property
    def checkpoint(self) -> Checkpoint:
        return self._log.checkpoint

    def _refused(self, failed: Failed) -> None:
        """The worker has forgotten the session already."""
        if failed.code in FAILURES:
            self._move(failed.code, failed)
        elif failed.code == SessionEvicted.code:
            self._move(failed.code)
        elif failed.code == SessionInUse.code and self._epoch > 1:
            # What is left of this session in a worker that has just come back; it will be gone soon.
            self._feed.end()
            self._wait()
        else:
            self._feed.end()
            self._give_up(failed)

    def _move(self, why: str, failed: Failed | None = None) -> None:
        avoid = self.worker
        self._feed.end()
        verdict = self.strikes.verdict
        if verdict in FATAL or not self._log.complete:
            self._give_up(failed or FATAL.get(verdict))
            return
        self._absence.begins(why, avoid, self._log.unsettled)
        self._state = Placement.WAITING
        if self.take_up(avoid):
            self._listener.flows()
        elif self._began:
            self._wait()
        else:
            # Nothing of it would be lost.
            self._give_up(failure(NoWorker()))

    def _wait(self) -> None:
        # From here on nothing may be trimmed: it is all untold.
        self._log.begin_again()
        self._state = Placement.WAITING
        self._services.pool.wait(self)
        self._absence.waits()
        self._listener.flows()

    def _give_up(self, failed: Failed | None = None) -> None:
        if self.strikes.verdict in FATAL:
            log.warning("session given up", extra={"session": self.id, "why": self.strikes.verdict.value})
        if failed is not None:
            self._hold.heard(failed)
        self.close()
        if failed is None:
            self._listener.given_up()
        else:
            self._listener.event(failed)

    def close(self) -> None:
        """Nothing is heard of this session any more."""
        self._state = Placement.OVER
        self._services.pool.forget(self)
        self._hold.release()
        stream = self._feed.end()
        if stream is not None:
            stream.close()
