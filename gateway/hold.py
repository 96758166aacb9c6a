"""What makes a session this gateway's: its pin, and its record for whoever may have to go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from common.checkpoint import Checkpoint
from common.errors import (
    BY_CODE,
    CannotLookUp,
    EngineFailed,
    InternalError,
    SessionInUse,
    SessionUnknown,
    VoxshardError,
)
from common.events import Event, Failed, SessionOptions, Stopped, failure
from common.events import Final as FinalEvent
from gateway.registry.base import SessionPins
from gateway.registry.records import KeptSession, Record, RecordHead, SessionRecords

# When others may be looked up again nobody knows; heartbeats find out every second.
_LOOK_UP_AGAIN_S: Final = 2.0
# Whoever goes on with such a session would fail as well.
_FOR_GOOD: Final = frozenset({EngineFailed.code, InternalError.code})


@dataclass(frozen=True, slots=True)
class Registry:
    pins: SessionPins
    records: SessionRecords


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a session comes to be: new for this tenant, or resumed, with the epoch that its client knows.
    `trace`: what its workers are told to go on from, see `Open`."""

    session: str
    tenant: str
    resumed_epoch: int | None = None
    trace: str = ""

    @property
    def is_resumed(self) -> bool:
        return self.resumed_epoch is not None


class Stage(Enum):
    CLAIMING = "claiming"
    LOADING = "loading"
    HELD = "held"
    OVER = "over"


class HoldListener(Protocol):
    """A session towards its hold."""

    def held(self) -> None:
        """It may begin, or go on from its record."""
        ...

    def not_held(self, failed: Failed) -> None:
        """It cannot begin, or has to end: nothing need be released."""
        ...

    def saved(self, checkpoint: Checkpoint) -> None:
        """Whoever resumes it begins there or later."""
        ...

    def broken(self) -> None:
        """Something has raised; end this session as well as it still can be."""
        ...


class _Nobody:
    """Whoever a session that has left would have told. It lets go of its listener, so that its audio is free
    at once, and not when the collector goes through everything that the gateway has."""

    def held(self) -> None:
        pass

    def not_held(self, failed: Failed) -> None:
        pass

    def saved(self, checkpoint: Checkpoint) -> None:
        pass

    def broken(self) -> None:
        pass


class SessionHold:
    """The `PinHolder`, `RecordReader` and `RecordHolder` of a session."""

    def __init__(
        self, beginning: Beginning, options: SessionOptions, registry: Registry, listener: HoldListener
    ) -> None:
        self.beginning = beginning
        self._registry = registry
        self._listener: HoldListener = listener
        self._stage = Stage.CLAIMING
        record = Record(RecordHead(beginning.tenant, options))
        self._kept = KeptSession(beginning.session, 0, record, listener)

    @property
    def epoch(self) -> int:
        """Of the pin, while there is one."""
        return self._kept.epoch

    @property
    def record(self) -> Record:
        return self._kept.record

    @property
    def is_saved(self) -> bool:
        return self._registry.records.is_saved(self._kept)

    def begin(self) -> bool:
        """True: it is held. False: `held` or `not_held` follows, at once or later. Raises `SessionInUse`."""
        beginning = self.beginning
        granted = self._registry.pins.claim(
            beginning.session,
            beginning.resumed_epoch or 0,
            self,
            takes_over=beginning.is_resumed,
            tenant=beginning.tenant,
        )
        if granted and beginning.is_resumed:
            self.pinned()
        elif granted:
            self._keep()
        return granted and not beginning.is_resumed

    def release(self) -> None:
        """The session has left this gateway."""
        stage, self._stage = self._stage, Stage.OVER
        if stage is Stage.HELD:
            self._registry.records.leave(self._kept)
        if stage is not Stage.OVER:
            self._registry.pins.release(self.beginning.session)
        self._listener = self._kept.holder = _Nobody()

    # --- what of it is to be kept --------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """What the client hears of it."""
        match event:
            case FinalEvent():
                self._kept.locked(event)
            case Stopped(heard):
                self._kept.stopped(heard)
            case Failed(code) if code in _FOR_GOOD:
                self._kept.failed(code)
            case _:
                return
        self._changed()

    def settled(self, checkpoint: Checkpoint) -> None:
        self._kept.settled(checkpoint)
        self._changed()

    def configured(self, options: SessionOptions) -> None:
        self._kept.configured(options)
        self._changed()

    def _changed(self) -> None:
        if self._stage is Stage.HELD:
            self._kept.epoch = self._registry.pins.epoch(self.beginning.session)
            self._registry.records.changed(self._kept)

    # --- PinHolder -----------------------------------------------------------------------------

    def pinned(self) -> None:
        if self.beginning.is_resumed:
            self._stage = Stage.LOADING
            session = self.beginning.session
            self._registry.records.load(session, self._registry.pins.epoch(session), self)
        else:
            self._keep()
            self._listener.held()

    def taken(self) -> None:
        stage, self._stage = self._stage, Stage.OVER
        if stage is Stage.HELD:
            self._registry.records.leave(self._kept)
        self._listener.not_held(failure(SessionInUse()))

    # --- RecordReader --------------------------------------------------------------------------

    def loaded(self, record: Record | None) -> None:
        if self._stage is not Stage.LOADING:
            return
        if record is None or record.head.tenant != self.beginning.tenant:
            self._refuse(SessionUnknown())
            return
        if record.head.failed is not None:
            self._refuse(BY_CODE[record.head.failed]())
            return
        self._kept = KeptSession(self.beginning.session, 0, record, self._listener)
        self._keep(is_saved=True)
        self._listener.held()

    def unreadable(self) -> None:
        if self._stage is Stage.LOADING:
            self._refuse(CannotLookUp(retry_after_s=_LOOK_UP_AGAIN_S))

    def broken(self) -> None:
        self._listener.broken()

    def _keep(self, *, is_saved: bool = False) -> None:
        self._stage = Stage.HELD
        self._kept.epoch = self._registry.pins.epoch(self.beginning.session)
        self._registry.records.keep(self._kept, is_saved=is_saved)

    def _refuse(self, error: VoxshardError) -> None:
        self._stage = Stage.OVER
        self._registry.pins.release(self.beginning.session)
        self._listener.not_held(failure(error))
