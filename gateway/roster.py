"""Which workers other instances have, by what the directory said last. Pure.

A directory that is away changes nothing, and one that was emptied has all of them again within its heartbeat;
so a worker is only gone once a directory that answers has not known it for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from common.link import LINK_VERSION
from common.registry.base import WorkerRecord

GONE_AFTER_S: Final = 5.0


class Roster:
    def __init__(self, instance: str) -> None:
        """`instance`: this one, whose workers are known without a directory."""
        self._instance = instance
        self._members: dict[str, WorkerRecord] = {}
        self._missing_since: dict[str, float] = {}

    @property
    def members(self) -> list[WorkerRecord]:
        return list(self._members.values())

    def heard(self, records: Iterable[WorkerRecord], now: float) -> None:
        """All that the directory has; `now` in seconds."""
        here = {record.id: record for record in records if self._can_be_used(record)}
        self._members |= here
        for worker in list(self._members):
            if worker in here:
                self._missing_since.pop(worker, None)
            elif now - self._missing_since.setdefault(worker, now) > GONE_AFTER_S:
                del self._members[worker], self._missing_since[worker]

    def not_heard(self) -> None:
        """The directory is away: whoever is missing may have come back in the meantime."""
        self._missing_since.clear()

    def _can_be_used(self, record: WorkerRecord) -> bool:
        return record.instance != self._instance and record.link_version == LINK_VERSION
