"""What to decode next: finals before speculative finals before partials, the oldest first among one kind.

A newer partial of a segment replaces the queued one; its final removes both partial and speculation. What
was replaced is never decoded: audio is only looked at when a request is taken.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from worker.pipeline.effects import DecodeKind

Owner = TypeVar("Owner", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Queued(Generic[Owner]):
    """A request for `owner` (a session), made at the time `asked_at` (seconds)."""

    owner: Owner
    kind: DecodeKind
    segment: int
    start: int
    end: int
    asked_at: float


class DecodeQueue(Generic[Owner]):
    """At most one request of a kind and segment for each owner, so its length is bounded by its owners."""

    def __init__(self) -> None:
        # In the order of arrival, which decides between equals.
        self._entries: dict[tuple[Owner, DecodeKind, int], Queued[Owner]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, request: Queued[Owner]) -> list[Queued[Owner]]:
        """Queue it; returns what it replaced."""
        replaced = self._replaced_by(request)
        for old in replaced:
            del self._entries[_key(old)]
        self._entries[_key(request)] = request
        return replaced

    def pop(self) -> Queued[Owner] | None:
        """The best request now, taken out."""
        if not self._entries:
            return None
        request = min(self._entries.values(), key=_rank)
        del self._entries[_key(request)]
        return request

    def promote(self, owner: Owner, segment: int, asked_at: float) -> bool:
        """A queued speculation is wanted as the final; False if it is not queued."""
        old = self._entries.pop((owner, DecodeKind.SPECULATIVE, segment), None)
        if old is None:
            return False
        self.push(Queued(owner, DecodeKind.FINAL, segment, old.start, old.end, asked_at))
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
        kinds = {DecodeKind.FINAL: (DecodeKind.FINAL, DecodeKind.SPECULATIVE, DecodeKind.PARTIAL)}
        keys = [(request.owner, kind, request.segment) for kind in kinds.get(request.kind, (request.kind,))]
        return [self._entries[key] for key in keys if key in self._entries]


def _key(request: Queued[Owner]) -> tuple[Owner, DecodeKind, int]:
    return request.owner, request.kind, request.segment


def _rank(request: Queued[Owner]) -> tuple[DecodeKind, float]:
    return request.kind, request.asked_at
