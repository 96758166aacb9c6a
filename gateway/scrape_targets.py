"""What a gateway tells Prometheus: its own instance, and the others that it has heard of lately. Pure.

An instance that is gone stays there for a while: targets that vanish with their host would not be seen to be
down.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from common.registry.base import Record
from common.scrape import TargetGroup

# Longer than the alerts on a lost process wait; a host that was taken away is then forgotten.
KEPT_S: Final = 600.0


class OtherTargets:
    """Those of other instances."""

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}
        self._groups: dict[str, tuple[TargetGroup, ...]] = {}
        self.all: tuple[TargetGroup, ...] = ()
        """Made anew with every change, so that other threads may read it."""

    def heard(self, records: Iterable[Record], now: float) -> None:
        """All of other instances that the directory has; `now` in seconds."""
        for record in records:
            self._heard_at[record.instance] = now
            self._groups[record.instance] = record.targets
        for instance, heard_at in list(self._heard_at.items()):
            if now - heard_at > KEPT_S:
                del self._heard_at[instance], self._groups[instance]
        self.all = tuple(group for _, groups in sorted(self._groups.items()) for group in groups)
