"""A session's record: what of it outlives its gateway, so that any other one can go on with it.

It is what a client that resumes has to be told again, and where its audio has to begin. There is no audio in
it: the client has that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import msgspec

from common.checkpoint import ORIGIN, Checkpoint
from common.events import Final as FinalEvent
from common.events import SessionOptions

# How long a record stays that nobody writes any more; clients are told.
RESUME_WITHIN_S: Final = 120


class RecordHead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All but the finals. `last_segment`: the newest that is locked, be it without words. `heard`: the length
    of the session in samples if it has ended. `failed`: the error that ended it for good."""

    tenant: str
    options: SessionOptions
    checkpoint: Checkpoint = ORIGIN
    last_segment: int = -1
    heard: int | None = None
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """`finals`: those with words, in order."""

    head: RecordHead
    finals: tuple[FinalEvent, ...] = ()


class RecordHolder(Protocol):
    """A session towards its record."""

    def saved(self, checkpoint: Checkpoint) -> None:
        """All before the checkpoint can be resumed."""
        ...

    def broken(self) -> None:
        """The other has raised; end this session as well as it still can be."""
        ...


class KeptSession:
    """The record of a live session as it is now. `epoch` is that of the session's pin."""

    def __init__(self, session: str, epoch: int, record: Record, holder: RecordHolder) -> None:
        self.session = session
        self.epoch = epoch
        self.head = record.head
        self.finals = list(record.finals)
        self.holder = holder

    @property
    def record(self) -> Record:
        return Record(self.head, tuple(self.finals))

    def locked(self, final: FinalEvent) -> None:
        if final.text:
            self.finals.append(final)
        self.head = msgspec.structs.replace(self.head, last_segment=final.segment)

    def settled(self, checkpoint: Checkpoint) -> None:
        self.head = msgspec.structs.replace(self.head, checkpoint=checkpoint)

    def configured(self, options: SessionOptions) -> None:
        self.head = msgspec.structs.replace(self.head, options=options)

    def stopped(self, heard: int) -> None:
        self.head = msgspec.structs.replace(self.head, heard=heard)

    def failed(self, code: str) -> None:
        self.head = msgspec.structs.replace(self.head, failed=code)


@dataclass(frozen=True, slots=True)
class Save:
    """Of a record the head and the finals from number `first` on; 0 writes it anew."""

    session: str
    epoch: int
    head: RecordHead
    first: int
    finals: tuple[FinalEvent, ...]


class Saved(Enum):
    KEPT = 1
    # The table does not have what comes before.
    UNKNOWN = 0
    # Whoever has the session by now has a greater epoch.
    FENCED = -1


class RecordTable(Protocol):
    """Records of all gateways. Calls answer in the order of what they are given; all raise `RegistryAway`."""

    async def save(self, saves: Sequence[Save]) -> list[Saved]: ...

    async def load(self, session: str, epoch: int) -> Record | None:
        """From here on nobody with a smaller epoch can write it. None if there is none, or if somebody with a
        greater epoch has it."""
        ...

    async def touch(self, sessions: Sequence[str]) -> list[bool]:
        """They stay; whether they are there."""
        ...

    async def close(self) -> None: ...


class RecordReader(Protocol):
    """A session that is to be resumed, towards its record."""

    def loaded(self, record: Record | None) -> None:
        """None: nothing is known of it."""
        ...

    def unreadable(self) -> None:
        """The registry is away."""
        ...

    def broken(self) -> None:
        """One of the others has raised; end this session as well as it still can be."""
        ...


class SessionRecords(Protocol):
    """The records of one gateway's sessions."""

    def keep(self, kept: KeptSession, *, is_saved: bool = False) -> None:
        """From now on, until `leave`. `is_saved`: it is as it was loaded."""
        ...

    def changed(self, kept: KeptSession) -> None:
        """Save it soon; its holder is told."""
        ...

    def leave(self, kept: KeptSession) -> None:
        """The session has left this gateway: once saved as it is, its record stays for `RESUME_WITHIN_S`."""
        ...

    def is_saved(self, kept: KeptSession) -> bool:
        """Whether another gateway would find it as it is, or no gateway would find anything."""
        ...

    def load(self, session: str, epoch: int, reader: RecordReader) -> None:
        """`loaded` or `unreadable` follows, not within this call. `epoch`: of the pin just claimed."""
        ...

    async def run(self) -> None:
        """Keep them until cancelled."""
        ...
