"""What one tenant uses at one gateway, held against its quotas. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from common.audio import samples_to_seconds
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant
from gateway.quotas.bucket import TokenBucket

# A stream that would be cut within a breath is better not let in.
START_NEEDS_S: Final = 5.0
# When a stream of somebody else will end is not known.
STREAM_RETRY_S: Final = 5.0


@dataclass(slots=True)
class Account:
    """`elsewhere`: streams at other gateways, as far as they are known. `audio`: None without a quota."""

    tenant: Tenant
    inside: int = 0
    elsewhere: int = 0
    audio: TokenBucket | None = None

    def update(self, tenant: Tenant, now: float, *, fills: bool) -> None:
        """The tenant as it is in the file now. `fills`: nobody else says how much audio is left."""
        self.tenant = tenant
        quota = tenant.audio_seconds_per_minute
        if quota is None:
            self.audio = None
            return
        if self.audio is None:
            self.audio = TokenBucket(quota, quota, now)
        if fills:
            self.audio.fill(now)
        self.audio.resize(quota)

    @property
    def room(self) -> float:
        """Streams that may still come."""
        quota = self.tenant.streams
        return math.inf if quota is None else quota - self.inside - self.elsewhere

    def refusal(self, room: float) -> StreamQuota | AudioQuota | None:
        """Of one stream more; None if it may come."""
        if room <= 0:
            return StreamQuota(retry_after_s=STREAM_RETRY_S)
        if self.audio is not None and self.audio.level < min(START_NEEDS_S, self.audio.per_minute):
            return _audio_quota(self.audio)
        return None

    def check(self) -> None:
        """Raises what `refusal` says."""
        refusal = self.refusal(self.room)
        if refusal is not None:
            raise refusal

    def hear(self, samples: int) -> None:
        """Raises `AudioQuota`, and then it does not count."""
        if self.audio is not None and not self.audio.take(samples_to_seconds(samples)):
            raise _audio_quota(self.audio)


def _audio_quota(bucket: TokenBucket) -> AudioQuota:
    return AudioQuota(retry_after_s=bucket.seconds_until(START_NEEDS_S))
