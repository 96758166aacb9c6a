"""What to decode next: finals before speculative finals before partials, the oldest first among one kind.

A request replaces the queued ones of its segment that are of its own kind or a lesser one. What was replaced
is never decoded: audio is only looked at when a request is taken.
"""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from worker.pipeline.effects import Decode, DecodeKind

Owner = TypeVar("Owner", bound=Hashable)

DecodeKey: TypeAlias = tuple[Owner, DecodeKind, int]
"""Owner, kind and segment: two decodes with the same key are versions of one."""


@dataclass(frozen=True, slots=True)
class Queued(Generic[Owner]):
    """A request for `owner` (a session), made at the time `asked_at` (seconds). `suspect`: see `InDecode`.
    `behind`: more of the owner's audio waits than a live client sends."""

    owner: Owner
    decode: Decode
    asked_at: float
    suspect: bool = False
    behind: bool = False

    @property
    def kind(self) -> DecodeKind:
        return self.decode.kind

    @property
    def segment(self) -> int:
        return self.decode.segment

    @property
    def key(self) -> DecodeKey[Owner]:
        return self.owner, self.kind, self.segment


class DecodeQueue(Generic[Owner]):
    """At most one request of a kind and segment for each owner, so its length is bounded by its owners."""

    def __init__(self) -> None:
        # In the order of arrival, which decides between equals.
        self._entries: dict[DecodeKey[Owner], Queued[Owner]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, request: Queued[Owner]) -> list[Queued[Owner]]:
        """Queue it; returns what it replaced. A newer version of a request has waited as long as its
        predecessor: otherwise those who speak on would never have their turn while others do."""
        replaced = self._replaced_by(request)
        for old in replaced:
            del self._entries[old.key]
            if old.kind is request.kind:
                request = replace(request, asked_at=old.asked_at)
        self._entries[request.key] = request
        return replaced

    def pop(
        self,
        running: Container[DecodeKey[Owner]] = (),
        least: DecodeKind = DecodeKind.PARTIAL,
        *,
        suspects: bool = True,
        behind: bool = True,
    ) -> Queued[Owner] | None:
        """The best request now, taken out; none whose predecessor is still `running`, none below `least`, and
        of a suspect, or of one that is behind, only if such a one may be taken."""
        waiting = (
            entry
            for key, entry in self._entries.items()
            if entry.kind <= least
            and key not in running
            and (suspects or not entry.suspect)
            and (behind or not entry.behind)
        )
        request = min(waiting, key=_rank, default=None)
        if request is not None:
            del self._entries[request.key]
        return request

    def best_kind(self) -> DecodeKind | None:
        """Kind of the request that is served next."""
        return min((kind for _, kind, _ in self._entries), default=None)

    def promote(self, owner: Owner, segment: int, asked_at: float) -> bool:
        """A queued speculation is wanted as the final; False if it is not queued."""
        old = self._entries.pop((owner, DecodeKind.SPECULATIVE, segment), None)
        if old is None:
            return False
        final = replace(old.decode, kind=DecodeKind.FINAL, foreseen=True)
        self.push(replace(old, decode=final, asked_at=asked_at))
        return True

    def withdraw(self, owner: Owner, kind: DecodeKind, segment: int) -> None:
        """Nobody wants this decode any more."""
        self._entries.pop((owner, kind, segment), None)

    def remove_owner(self, owner: Owner) -> None:
        for key in [key for key in self._entries if key[0] == owner]:
            del self._entries[key]

    def oldest_asked_at(self, kind: DecodeKind) -> float | None:
        return min((entry.asked_at for entry in self._entries.values() if entry.kind is kind), default=None)

    def _replaced_by(self, request: Queued[Owner]) -> list[Queued[Owner]]:
        kinds = [kind for kind in DecodeKind if kind >= request.kind]
        keys = [(request.owner, kind, request.segment) for kind in kinds]
        return [self._entries[key] for key in keys if key in self._entries]


def _rank(request: Queued[Owner]) -> tuple[DecodeKind, float]:
    return request.kind, request.asked_at
