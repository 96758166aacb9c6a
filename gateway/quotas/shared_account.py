"""An account that a table counts for all gateways: what that is asked, what its answer changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from common.audio import samples_to_seconds
from common.errors import VoxshardError
from gateway.access.tenants import Tenant
from gateway.quotas.account import Account
from gateway.quotas.base import Entrant, Share, Use
from gateway.quotas.bucket import MINUTE_S

# What was heard is told as soon as it is as long as that, or as much as the quota gives in that time.
TELL_S: Final = 0.5
# Nobody has used it for so long that its bucket would be full again.
IDLE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Question:
    """`entrants`: for whom there is to be room. `heard_s`: all that had been heard by then."""

    use: Use
    entrants: tuple[Entrant, ...]
    heard_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one who has waited; no refusal: it is inside."""

    entrant: Entrant
    refusal: VoxshardError | None


@dataclass(slots=True, eq=False)
class SharedAccount:
    """`told_s`: of the audio heard so far, what the table knows of; None if that is not known here."""

    own: Account
    used_at: float
    waiting: dict[Entrant, None] = field(default_factory=dict)
    heard_s: float = 0.0
    told_s: float | None = None

    def update(self, tenant: Tenant, now: float, *, alone: bool) -> None:
        """The tenant as it is in the file now, which is going to use this. `alone`: without the table."""
        self.used_at = now
        self.own.update(tenant, now, fills=alone)
        if self.own.audio is None:
            self.told_s = None

    @property
    def is_limited(self) -> bool:
        tenant = self.own.tenant
        return tenant.streams is not None or tenant.audio_seconds_per_minute is not None

    def is_idle(self, now: float) -> bool:
        return not self.own.inside and not self.waiting and now - self.used_at > IDLE_S

    def leave(self, entrant: Entrant, now: float) -> None:
        self.used_at = now
        if entrant in self.waiting:
            del self.waiting[entrant]
        else:
            self.own.inside -= 1

    def hear(self, samples: int) -> bool:
        """Whether the table had better hear of it soon. Raises `AudioQuota`."""
        self.own.hear(samples)
        self.heard_s += samples_to_seconds(samples)
        if self.own.audio is None or self.told_s is None:
            return False
        return self.heard_s - self.told_s >= TELL_S * max(1.0, self.own.audio.per_minute / MINUTE_S)

    def question(self) -> Question:
        own = self.own
        use = Use(
            tenant=own.tenant,
            inside=own.inside,
            wanted=len(self.waiting),
            left_s=0.0 if own.audio is None else own.audio.level,
            heard_s=None if self.told_s is None else self.heard_s - self.told_s,
        )
        return Question(use, tuple(self.waiting), self.heard_s)

    def answered(self, question: Question, share: Share, now: float) -> list[Verdict]:
        self.own.elsewhere = share.elsewhere
        audio = self.own.audio
        # The quota may have come in the meantime.
        if audio is not None and question.use.tenant.audio_seconds_per_minute is not None:
            audio.level = share.left_s - (self.heard_s - question.heard_s)
            audio.filled_at = now
            self.told_s = question.heard_s
        return self._judge(question.entrants, share.granted)

    def left_alone(self, now: float) -> list[Verdict]:
        """The table does not answer any more: from now on this gateway counts by itself."""
        self.own.elsewhere = 0
        self.told_s = None
        self.own.update(self.own.tenant, now, fills=True)
        return self._judge(tuple(self.waiting), self.own.room)

    def _judge(self, entrants: Iterable[Entrant], room: float) -> list[Verdict]:
        verdicts = []
        for entrant in entrants:
            if entrant not in self.waiting:
                # It has left in the meantime.
                continue
            del self.waiting[entrant]
            refusal = self.own.refusal(room)
            if refusal is None:
                room -= 1
                self.own.inside += 1
            verdicts.append(Verdict(entrant, refusal))
        return verdicts
