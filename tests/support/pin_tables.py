"""Pins of several gateways in a table that the test can take away, and what a gateway's sessions are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.registry.base import RegistryAway
from gateway.metrics import GatewayMetrics
from gateway.registry.base import Claim, Pin
from gateway.registry.health import Health
from gateway.registry.memory import MemoryTable
from gateway.registry.shared import SharedPins


@dataclass
class RemoteTable:
    """A `MemoryTable` as if it were elsewhere. `deaf`: it does what it is asked, but its answer is lost."""

    table: MemoryTable
    away: bool = False
    deaf: bool = False
    calls: list[str] = field(default_factory=list)
    closed: bool = False

    async def claim(self, claims: Sequence[Claim]) -> list[Pin | None]:
        self._reach("claim")
        granted = self.table.claim(claims)
        self._come_back()
        return granted

    async def renew(self, pins: Sequence[Pin]) -> list[Pin | None]:
        self._reach("renew")
        kept = self.table.renew(pins)
        self._come_back()
        return kept

    async def release(self, pins: Sequence[Pin]) -> None:
        self._reach("release")
        self.table.release(pins)
        self._come_back()

    async def close(self) -> None:
        self.closed = True

    def _reach(self, call: str) -> None:
        self.calls.append(call)
        if self.away:
            raise RegistryAway("away")

    def _come_back(self) -> None:
        if self.deaf:
            raise RegistryAway("no answer")


@dataclass
class Holder:
    """Notes what a session is told."""

    told: list[str] = field(default_factory=list)
    raises: bool = False

    def pinned(self) -> None:
        self._note("pinned")

    def taken(self) -> None:
        self._note("taken")

    def broken(self) -> None:
        self.told.append("broken")

    def _note(self, what: str) -> None:
        self.told.append(what)
        if self.raises:
            raise RuntimeError(what)


class Gateway:
    """One gateway's pins in a shared table."""

    def __init__(self, table: MemoryTable, owner: str) -> None:
        self.owner = owner
        self.remote = RemoteTable(table)
        self.metrics = GatewayMetrics(owner)
        self.pins = SharedPins(
            self.remote, owner, Health(self.metrics.shared.registry_up, "pins are its own")
        )

    @property
    def up(self) -> float | None:
        return self.metrics.registry.get_sample_value("asr_registry_up", {"gateway": self.owner})

    async def start(self, session: str, at_least_epoch: int = 0, *, takes_over: bool = False) -> Holder:
        """A session begins, and waits for its pin if it has to."""
        holder = Holder()
        if self.pins.claim(session, at_least_epoch, holder, takes_over=takes_over):
            holder.pinned()
        else:
            await self.pins.settle()
        return holder
