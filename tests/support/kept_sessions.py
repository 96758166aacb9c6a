"""Records of sessions, their holders and readers, and a table of them that the test can take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.checkpoint import Checkpoint
from common.events import EndpointReason, Final, SessionOptions
from common.registry.base import RegistryAway
from gateway.registry.records import KeptSession, Record, RecordHead, RecordHolder, Save, Saved


@dataclass
class HolderNotes:
    """What a session is told of its record."""

    told: list[object] = field(default_factory=list)
    raises: bool = False

    def saved(self, checkpoint: Checkpoint) -> None:
        self._note(checkpoint.audio_from)

    def loaded(self, record: Record | None) -> None:
        self._note(record)

    def unreadable(self) -> None:
        self._note("unreadable")

    def broken(self) -> None:
        self.told.append("broken")

    def _note(self, what: object) -> None:
        self.told.append(what)
        if self.raises:
            raise RuntimeError(what)


def final(segment: int, text: str = "said") -> Final:
    return Final(segment, text, 0, 100, 200, EndpointReason.SILENCE)


def kept(holder: RecordHolder, session: str = "call", epoch: int = 1) -> KeptSession:
    return KeptSession(session, epoch, Record(RecordHead("ada", SessionOptions())), holder)


@dataclass
class PlainTable:
    """A `RecordTable` in plain words. `away`: nothing is done, and nobody is answered."""

    away: bool = False
    records: dict[str, tuple[int, Record]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    # The sessions of each call.
    parts: list[list[str]] = field(default_factory=list)
    closed: bool = False

    async def save(self, saves: Sequence[Save]) -> list[Saved]:
        self._reach("save")
        self.saves += saves
        self.parts.append([save.session for save in saves])
        return [self._save(save) for save in saves]

    async def load(self, session: str, epoch: int) -> Record | None:
        self._reach("load")
        known, record = self.records.get(session, (epoch + 1, None))
        if record is None or known > epoch:
            return None
        self.records[session] = (epoch, record)
        return record

    async def touch(self, sessions: Sequence[str]) -> list[bool]:
        self._reach("touch")
        return [session in self.records for session in sessions]

    async def close(self) -> None:
        self.closed = True

    def _save(self, save: Save) -> Saved:
        epoch, known = self.records.get(save.session, (0, None))
        if epoch > save.epoch:
            return Saved.FENCED
        before = known.finals[: save.first] if known is not None else ()
        if len(before) < save.first:
            return Saved.UNKNOWN
        self.records[save.session] = (save.epoch, Record(save.head, before + save.finals))
        return Saved.KEPT

    def _reach(self, call: str) -> None:
        self.calls.append(call)
        if self.away:
            raise RegistryAway("away")
