"""Pins of a gateway that shares its table with others, and goes on without it.

One task asks the table for everything, one thing after the other, so that nothing overtakes anything. While
the table is away nobody waits: sessions are pinned here alone, and the next heartbeat that is answered tells
the table of them. Where two gateways have pinned one session that way, the greater (epoch, owner) keeps it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import SessionInUse
from common.registry.base import RegistryAway
from gateway.boundary import tell
from gateway.registry.base import Claim, Pin, PinHolder, PinTable
from gateway.registry.health import Health
from gateway.registry.heartbeat import Heartbeat

log = logging.getLogger(__name__)

# Of one call, so that neither Redis nor this process is busy with it for more than a few milliseconds.
PINS_AT_ONCE: Final = 100


@dataclass(slots=True, eq=False)
class _Held:
    """A session of this gateway; without a pin it has asked for one."""

    session: str
    at_least_epoch: int
    holder: PinHolder
    takes_over: bool
    tenant: str
    pin: Pin | None = None

    def claim(self, owner: str) -> Claim:
        return Claim(self.session, self.at_least_epoch, owner, self.takes_over, self.tenant)


class SharedPins:
    """`SessionPins` on a `PinTable`."""

    def __init__(self, table: PinTable, owner: str, health: Health) -> None:
        self._table = table
        self._owner = owner
        self._health = health
        self._held: dict[str, _Held] = {}
        # Both have room for what there are sessions: `settle` empties them.
        self._asking: list[_Held] = []
        self._released: list[Pin] = []
        self._highest_epoch = 0
        self._heartbeat = Heartbeat(health, self.beat, self.settle)

    def claim(
        self,
        session: str,
        at_least_epoch: int,
        holder: PinHolder,
        *,
        takes_over: bool = False,
        tenant: str = "",
    ) -> bool:
        if session in self._held:
            raise SessionInUse()
        held = self._held[session] = _Held(session, at_least_epoch, holder, takes_over, tenant)
        if not self._health.up:
            self._pin_here(held)
            return True
        self._asking.append(held)
        self._heartbeat.settle_soon()
        return False

    def release(self, session: str) -> None:
        held = self._held.pop(session, None)
        if held is not None and held.pin is not None:
            self._free(held.pin)

    def pin(self, session: str) -> Pin | None:
        held = self._held.get(session)
        return None if held is None else held.pin

    def epoch(self, session: str) -> int:
        pin = self._held[session].pin
        assert pin is not None
        return pin.epoch

    async def run(self) -> None:
        try:
            await self._heartbeat.run()
        finally:
            await self.settle()
            await self._table.close()

    async def beat(self) -> None:
        """Renew every pin; with none there, ask all the same."""
        pins = [held.pin for held in self._held.values() if held.pin is not None]
        try:
            for first in range(0, max(1, len(pins)), PINS_AT_ONCE):
                some = pins[first : first + PINS_AT_ONCE]
                self._renewed(some, await self._table.renew(some))
                if self._asking:
                    # However many pins there are: who starts waits for one call before its own.
                    await self.settle()
        except RegistryAway as error:
            self._go_on_alone(error, [])
        else:
            self._health.answered()

    async def settle(self) -> None:
        """Ask for what was claimed, tell what was released."""
        asking, self._asking = self._asking, []
        released, self._released = self._released, []
        if not self._health.up:
            # What is not released runs out.
            return
        try:
            await self._ask(asking)
            asking = []
            if released:
                await self._table.release(released)
        except RegistryAway as error:
            self._go_on_alone(error, asking)

    async def _ask(self, asking: Sequence[_Held]) -> None:
        claims = [held.claim(self._owner) for held in asking]
        granted = await self._table.claim(claims) if claims else []
        for held, pin in zip(asking, granted, strict=True):
            self._answered(held, pin)

    def _answered(self, held: _Held, pin: Pin | None) -> None:
        if self._held.get(held.session) is not held:
            # It has ended in the meantime.
            if pin is not None:
                self._free(pin)
        elif pin is None:
            del self._held[held.session]
            tell(held.holder, held.holder.taken)
        else:
            self._has(held, pin)
            tell(held.holder, held.holder.pinned)

    def _renewed(self, before: Sequence[Pin], after: Sequence[Pin | None]) -> None:
        for old, new in zip(before, after, strict=True):
            held = self._held.get(old.session)
            if held is None or held.pin is not old:
                # It has ended in the meantime, and may even have begun again.
                continue
            if new is not None:
                self._has(held, new)
            else:
                del self._held[old.session]
                log.warning("another gateway keeps this session", extra={"session": old.session})
                tell(held.holder, held.holder.taken)

    def _go_on_alone(self, error: RegistryAway, asking: Sequence[_Held]) -> None:
        self._health.failed(error)
        waiting, self._asking = [*asking, *self._asking], []
        for held in waiting:
            if self._held.get(held.session) is held:
                self._pin_here(held)
                tell(held.holder, held.holder.pinned)

    def _pin_here(self, held: _Held) -> None:
        # Greater than that of any session with this id that has ended here: the table remembers those.
        epoch = max(held.at_least_epoch, self._highest_epoch) + 1
        self._has(held, Pin(held.session, epoch, self._owner))

    def _has(self, held: _Held, pin: Pin) -> None:
        held.pin = pin
        self._highest_epoch = max(self._highest_epoch, pin.epoch)

    def _free(self, pin: Pin) -> None:
        self._released.append(pin)
        self._heartbeat.settle_soon()
