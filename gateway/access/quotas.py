"""How much of what a tenant may have is in use. Pure; one process, and the seam for several."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol

from common.audio import samples_to_seconds
from common.clock import Clock
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant

_MINUTE_S: Final = 60.0
# A stream that would be cut within a breath is better not let in.
START_NEEDS_S: Final = 5.0
# When a stream of somebody else will end is not known.
STREAM_RETRY_S: Final = 5.0


class Quotas(Protocol):
    """Called for every frame of live audio, so it never waits: an implementation that counts over several
    gateways takes its share ahead of time."""

    def check(self, tenant: Tenant) -> None:
        """Raises what `enter` would."""
        ...

    def enter(self, tenant: Tenant) -> None:
        """One stream more. Raises `StreamQuota`, `AudioQuota`."""
        ...

    def hear(self, tenant: Tenant, samples: int) -> None:
        """So much more audio. Raises `AudioQuota`, and then it does not count."""
        ...

    def leave(self, tenant: Tenant) -> None:
        """One stream less."""
        ...


@dataclass(slots=True)
class TokenBucket:
    """Fills evenly, by `per_minute` a minute, and holds a minute's worth; full to begin with."""

    per_minute: float
    level: float
    filled_at: float

    def fill(self, now: float) -> None:
        grown = (now - self.filled_at) * self.per_minute / _MINUTE_S
        self.level = min(self.per_minute, self.level + grown)
        self.filled_at = now

    def resize(self, per_minute: float) -> None:
        """Another quota from now on; what is there stays, as far as there is room."""
        self.per_minute = per_minute
        self.level = min(per_minute, self.level)

    def take(self, amount: float) -> bool:
        """Whether there was enough; if not, nothing is taken."""
        if amount > self.level:
            return False
        self.level -= amount
        return True

    def seconds_until(self, amount: float) -> float:
        """Until so much is there, or until it is full."""
        lacking = min(amount, self.per_minute) - self.level
        return max(0.0, lacking) * _MINUTE_S / self.per_minute


class MemoryQuotas:
    """`Quotas` of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streams: Counter[str] = Counter()
        # Of tenants from the file only, so there cannot be many.
        self._audio: dict[str, TokenBucket] = {}

    def check(self, tenant: Tenant) -> None:
        if tenant.streams is not None and self._streams[tenant.id] >= tenant.streams:
            raise StreamQuota(retry_after_s=STREAM_RETRY_S)
        bucket = self._bucket(tenant)
        if bucket is not None and bucket.level < min(START_NEEDS_S, bucket.per_minute):
            raise _audio_quota(bucket)

    def enter(self, tenant: Tenant) -> None:
        self.check(tenant)
        self._streams[tenant.id] += 1

    def hear(self, tenant: Tenant, samples: int) -> None:
        bucket = self._bucket(tenant)
        if bucket is not None and not bucket.take(samples_to_seconds(samples)):
            raise _audio_quota(bucket)

    def leave(self, tenant: Tenant) -> None:
        self._streams[tenant.id] -= 1

    def _bucket(self, tenant: Tenant) -> TokenBucket | None:
        """What the tenant's quota holds now; None without a quota."""
        quota = tenant.audio_seconds_per_minute
        if quota is None:
            return None
        now = self._clock.now()
        bucket = self._audio.setdefault(tenant.id, TokenBucket(quota, quota, now))
        bucket.fill(now)
        bucket.resize(quota)
        return bucket


def _audio_quota(bucket: TokenBucket) -> AudioQuota:
    return AudioQuota(retry_after_s=bucket.seconds_until(START_NEEDS_S))
