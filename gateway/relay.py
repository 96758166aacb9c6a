"""One session between its client and whichever worker has it: when a worker is lost, another one goes on.

Every placement has an epoch of its own, and its frames reach the session only while it is the present one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.audio import pcm16_samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.clock import Clock
from common.errors import EngineFailed, InternalError, NoWorker, Overloaded, SessionEvicted, SessionInUse
from common.events import Degraded, Event, Failed, Moved, SessionOptions, Stopped
from gateway.metrics import GatewayMetrics
from gateway.registry.base import SessionPins
from gateway.session_log import KEPT, Order, Piece, SessionLog
from gateway.session_seams import Pool, RelayListener, Stream
from gateway.strikes import Strikes

log = logging.getLogger(__name__)

# A session without a worker takes no more audio than leaves room for what its client has sent already.
_FULL: Final = KEPT - seconds_to_samples(4)
_FAILURES: Final = frozenset({EngineFailed.code, InternalError.code})


class Placement(Enum):
    CLAIMING = "claiming"
    OPENING = "opening"
    LIVE = "live"
    WAITING = "waiting"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class RelayServices:
    """`patience_s`: how long a session waits for a worker before it is given up."""

    pool: Pool
    pins: SessionPins
    metrics: GatewayMetrics
    clock: Clock
    patience_s: float


class SessionRelay:
    """A `SessionListener` for its placements, the `PinHolder` of its pin."""

    def __init__(
        self, session: str, options: SessionOptions, listener: RelayListener, services: RelayServices
    ) -> None:
        self.id = session
        self._options = options
        self._listener = listener
        self._services = services
        self._log = SessionLog()
        self._strikes = Strikes()
        self._state = Placement.CLAIMING
        self._began = False
        self._leaving = False
        self._epoch = 0
        self._credit = 0
        self._waits_since: float | None = None
        self._left_at = 0.0
        self._stream: Stream | None = None

    def start(self) -> None:
        """Raises `SessionInUse`, `NoWorker` and `Overloaded`; where others are asked first, they come later,
        as events."""
        if not self._services.pins.claim(self.id, 0, self):
            return
        try:
            self._place(avoid=None)
        except BaseException:
            self._end()
            raise

    @property
    def worker(self) -> str:
        return self._stream.worker if self._stream is not None else "?"

    @property
    def unsettled(self) -> int:
        return self._log.unsettled

    @property
    def full(self) -> bool:
        """Whether the client had better not be read from now."""
        return self._credit <= 0 if self._state is Placement.LIVE else self._log.unsettled >= _FULL

    # --- from the client -----------------------------------------------------------------------

    def audio(self, pcm: bytes) -> None:
        self._log.append(pcm)
        self._tell()

    def order(self, order: Order) -> None:
        self._log.order(order)
        self._tell()

    def configure(self, options: SessionOptions) -> None:
        self._options = options
        if self._stream is not None:
            self._stream.configure(options)

    def close(self) -> None:
        """Nothing is heard of this session any more."""
        self._end()

    def check(self, now: float) -> None:
        """To be called a few times a second."""
        waits_since = self._waits_since if self._state is Placement.WAITING else None
        if waits_since is not None and now - waits_since > self._services.patience_s:
            self._give_up()

    # --- PinHolder -----------------------------------------------------------------------------

    def pinned(self) -> None:
        try:
            self._place(avoid=None)
        except (NoWorker, Overloaded) as error:
            self._give_up(Failed(error.code, error.text, error.retry_after_s))

    def taken(self) -> None:
        self._give_up(Failed(SessionInUse.code, SessionInUse().text))

    # --- SessionListener -----------------------------------------------------------------------

    def opened(self) -> None:
        self._state = Placement.LIVE
        self._waits_since = None
        if self._began:
            self._services.metrics.taken_up(self._services.clock.now() - self._left_at)
            self._listener.event(Moved(self.worker))
        else:
            self._began = True
            self._listener.opened()

    def credit(self, samples: int) -> None:
        self._credit += samples
        self._tell()
        self._listener.flows()

    def settled(self, checkpoint: Checkpoint) -> None:
        self._log.settled(checkpoint)
        if self._leaving:
            self.leave()

    def leave(self) -> None:
        """At the latest when the worker ends, which is a loss like any other."""
        self._leaving = True
        if self._state is not Placement.LIVE or not self._log.at_rest:
            return
        left, unsettled = self._stream, self._log.unsettled
        try:
            self._place(avoid=self.worker)
        except NoWorker:
            return
        self._left_at = self._services.clock.now()
        if left is not None:
            left.close()
        self._services.metrics.moved("drain", unsettled)

    def event(self, event: Event) -> None:
        if isinstance(event, Failed):
            self._refused(event)
            return
        if isinstance(event, Stopped):
            self._stream = None
        if self._log.is_news(event):
            self._listener.event(event)

    def worker_lost(self) -> None:
        self._move("link")

    def broken(self) -> None:
        self._listener.broken()

    # --- placements ----------------------------------------------------------------------------

    def take_up(self) -> bool:
        """A worker may be there now: whether one has taken the session."""
        if self._state is not Placement.WAITING:
            return True
        try:
            self._place(avoid=None)
        except NoWorker:
            return False
        return True

    def _place(self, avoid: str | None) -> None:
        self._stream = self._services.pool.open(self, self._options, self._epoch + 1, avoid)
        self._state = Placement.OPENING
        self._epoch += 1
        self._credit = 0
        self._leaving = False
        self._log.begin_again()

    @property
    def checkpoint(self) -> Checkpoint:
        return self._log.checkpoint

    def _refused(self, failed: Failed) -> None:
        """The worker has forgotten the session already."""
        if failed.code in _FAILURES:
            self._move(failed.code, failed)
        elif failed.code == SessionEvicted.code:
            self._move(failed.code)
        elif failed.code == SessionInUse.code and self._epoch > 1:
            # What is left of this session in a worker that has just come back; it will be gone soon.
            self._stream = None
            self._wait()
        else:
            self._stream = None
            self._end()
            self._listener.event(failed)

    def _move(self, why: str, failed: Failed | None = None) -> None:
        self._left_at = self._services.clock.now()
        avoid, self._stream = self.worker, None
        again = self._strikes.one_more(self._log.checkpoint.segment, failed=failed is not None)
        if not again or not self._log.complete:
            self._give_up(failed)
            return
        self._services.metrics.moved(why, self._log.unsettled)
        log.info("session moves", extra={"session": self.id, "why": why, "from_worker": avoid})
        try:
            self._place(avoid)
            self._listener.flows()
        except NoWorker as error:
            if self._began:
                self._wait()
            else:
                # Nothing of it would be lost.
                self._give_up(Failed(error.code, error.text))

    def _wait(self) -> None:
        # From here on nothing may be trimmed: it is all untold.
        self._log.begin_again()
        self._state = Placement.WAITING
        self._services.pool.wait(self)
        # Whom a worker has refused in the meantime has waited ever since.
        if self._waits_since is None:
            self._waits_since = self._services.clock.now()
            self._listener.event(Degraded(round(self._services.patience_s)))
        self._listener.flows()

    def _give_up(self, failed: Failed | None = None) -> None:
        self._end()
        if failed is None:
            self._listener.given_up()
        else:
            self._listener.event(failed)

    def _end(self) -> None:
        self._state = Placement.OVER
        self._services.pool.forget(self)
        self._services.pins.release(self.id)
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    # --- to the worker -------------------------------------------------------------------------

    def _tell(self) -> None:
        """As much as it has room for."""
        stream = self._stream
        if self._state is not Placement.LIVE or stream is None:
            return
        while (told := self._log.next(room=self._credit > 0)) is not None:
            match told:
                case Piece(first, pcm):
                    stream.audio(first, pcm)
                    self._credit -= pcm16_samples(pcm)
                case Order():
                    stream.order(told)
