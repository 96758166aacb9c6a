"""The use of several gateways in a table that the test can take away, and what their sessions are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.clock import Clock
from common.errors import VoxshardError
from common.registry.base import RegistryAway
from gateway.access.tenants import Tenant
from gateway.metrics import GatewayMetrics
from gateway.quotas.base import Share, Use
from gateway.quotas.bucket import TokenBucket
from gateway.quotas.shared import SharedQuotas
from gateway.registry.base import EXPIRY_S
from gateway.registry.health import Health
from tests.support.clock import ManualClock


@dataclass(frozen=True, slots=True)
class _Told:
    """Streams of one gateway, which count until then."""

    count: int
    until: float


@dataclass
class UseModel:
    """What `gateway/quotas/script.py` says in Lua, in plain words."""

    clock: Clock
    expiry_s: float = EXPIRY_S
    streams: dict[str, dict[str, _Told]] = field(default_factory=dict)
    audio: dict[str, TokenBucket] = field(default_factory=dict)

    def exchange(self, owner: str, uses: Sequence[Use]) -> list[Share]:
        return [self._one(owner, use) for use in uses]

    def clear(self) -> None:
        self.streams.clear()
        self.audio.clear()

    def inside(self, tenant: str) -> dict[str, int]:
        """Streams of each gateway that count now."""
        told = self.streams.get(tenant, {})
        return {owner: one.count for owner, one in told.items() if one.until > self.clock.now()}

    def _one(self, owner: str, use: Use) -> Share:
        granted, elsewhere = self._streams(owner, use)
        return Share(granted, elsewhere, self._left(use))

    def _streams(self, owner: str, use: Use) -> tuple[int, int]:
        quota = use.tenant.streams
        if quota is None:
            return use.wanted, 0
        elsewhere = sum(count for name, count in self.inside(use.tenant.id).items() if name != owner)
        granted = max(0, min(use.wanted, quota - elsewhere - use.inside))
        told = self.streams.setdefault(use.tenant.id, {})
        told[owner] = _Told(use.inside + granted, self.clock.now() + self.expiry_s)
        return granted, elsewhere

    def _left(self, use: Use) -> float:
        quota = use.tenant.audio_seconds_per_minute
        if quota is None:
            return 0.0
        bucket = self.audio.get(use.tenant.id)
        if bucket is None:
            bucket = self.audio[use.tenant.id] = TokenBucket(quota, use.left_s, self.clock.now())
            return bucket.level
        bucket.per_minute = quota
        bucket.fill(self.clock.now())
        if use.heard_s is None:
            bucket.level = min(bucket.level, use.left_s)
        else:
            bucket.level -= use.heard_s
        return bucket.level


@dataclass
class RemoteUse:
    """The model as if it were elsewhere. `deaf`: it does what it is asked, but its answer is lost."""

    model: UseModel
    owner: str
    away: bool = False
    deaf: bool = False
    asked: list[list[Use]] = field(default_factory=list)
    closed: bool = False

    async def exchange(self, uses: Sequence[Use]) -> list[Share]:
        self.asked.append(list(uses))
        if self.away:
            raise RegistryAway("away")
        shares = self.model.exchange(self.owner, uses)
        if self.deaf:
            raise RegistryAway("no answer")
        return shares

    async def close(self) -> None:
        self.closed = True


@dataclass(eq=False)
class Guest:
    """Notes what a session is told: nothing so far, True for admitted, or the code of its refusal."""

    told: list[bool | str] = field(default_factory=list)
    raises: bool = False

    def admitted(self) -> None:
        self._note(True)

    def refused(self, error: VoxshardError) -> None:
        self._note(error.code)

    def broken(self) -> None:
        self.told.append("broken")

    def _note(self, what: bool | str) -> None:
        self.told.append(what)
        if self.raises:
            raise RuntimeError(what)


class Gateway:
    """One gateway's quotas on a shared table."""

    def __init__(self, model: UseModel, owner: str, clock: Clock | None = None) -> None:
        self.owner = owner
        self.remote = RemoteUse(model, owner)
        self.metrics = GatewayMetrics(owner)
        health = Health(self.metrics.shared.quotas_shared, "quotas are its own")
        self.quotas = SharedQuotas(self.remote, health, clock or model.clock)

    @property
    def up(self) -> bool:
        return self.metrics.registry.get_sample_value("asr_quotas_shared", {"gateway": self.owner}) == 1

    async def enter(self, tenant: Tenant) -> Guest:
        """A session begins, and waits for its place if it has to. Raises what `Quotas.enter` does."""
        guest = Guest()
        if self.quotas.enter(tenant, guest):
            guest.admitted()
        else:
            await self.quotas.settle()
        return guest


def two_gateways() -> tuple[ManualClock, UseModel, Gateway, Gateway]:
    clock = ManualClock()
    model = UseModel(clock)
    return clock, model, Gateway(model, "ada"), Gateway(model, "bob")
