"""Pins in this process: the rules in plain words, and all that one gateway alone needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from common.clock import Clock
from common.errors import SessionInUse
from gateway.registry.base import EXPIRY_S, HEARTBEAT_S, KEPT_S, Claim, Pin, PinHolder

_RELEASED: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class _Record:
    """`until`: from then on anybody may have it. `taken_over`: the epoch of who has taken it over last.
    `tenant`: whose it is; None if that was never told here."""

    pin: Pin
    until: float
    written: float
    taken_over: int = 0
    tenant: str | None = None


class MemoryTable:
    """A `PinTable` that never waits. `scripts.py` says the same in Lua; the tests compare the two."""

    def __init__(self, clock: Clock, expiry_s: float = EXPIRY_S) -> None:
        self._clock = clock
        self._expiry_s = expiry_s
        # Those written last stand last.
        self._records: dict[str, _Record] = {}

    def claim(self, claims: Sequence[Claim]) -> list[Pin | None]:
        self._forget_old()
        return [self._claim_one(claim) for claim in claims]

    def renew(self, pins: Sequence[Pin]) -> list[Pin | None]:
        self._forget_old()
        return [self._renew_one(pin) for pin in pins]

    def release(self, pins: Sequence[Pin]) -> None:
        for pin in pins:
            record = self._records.get(pin.session)
            if record is not None and record.pin == pin:
                self._write(pin, _RELEASED)

    def pin(self, session: str) -> Pin | None:
        """Whose the session is now."""
        record = self._records.get(session)
        return record.pin if record is not None and self._is_held(record) else None

    def clear(self) -> None:
        """Forget everything, epochs too."""
        self._records.clear()

    def _claim_one(self, claim: Claim) -> Pin | None:
        record, epoch = self._records.get(claim.session), claim.at_least_epoch
        if record is not None:
            # What the table says is the claimant's own, and the claimant does not know of, is a leftover.
            foreign = self._is_held(record) and record.pin.owner != claim.owner
            if foreign and not (claim.takes_over and record.tenant in (None, claim.tenant)):
                return None
            epoch = max(epoch, record.pin.epoch)
        pin = self._grant(Pin(claim.session, epoch + 1, claim.owner))
        granted = replace(self._records[pin.session], tenant=claim.tenant)
        self._records[pin.session] = replace(granted, taken_over=pin.epoch) if claim.takes_over else granted
        return pin

    def _renew_one(self, pin: Pin) -> Pin | None:
        record = self._records.get(pin.session)
        if record is None:
            return self._grant(pin)
        known = record.pin
        if known.owner == pin.owner:
            if record.until == _RELEASED and known.epoch >= pin.epoch:
                # This was on its way for longer than the release.
                return pin
            return self._grant(max(known, pin, key=lambda one: one.epoch))
        if pin.epoch < record.taken_over:
            # Its client has gone on elsewhere, whatever has become of that since.
            return None
        if not self._is_held(record):
            # Greater than what its former owner has, should that come back.
            return self._grant(Pin(pin.session, max(known.epoch + 1, pin.epoch), pin.owner))
        return self._grant(pin) if pin.rank > known.rank else None

    def _is_held(self, record: _Record) -> bool:
        return record.until > self._clock.now()

    def _grant(self, pin: Pin) -> Pin:
        self._write(pin, self._clock.now() + self._expiry_s)
        return pin

    def _write(self, pin: Pin, until: float) -> None:
        before = self._records.pop(pin.session, None)
        written = _Record(pin, until, self._clock.now())
        if before is not None:
            # Whoever lets it run out, and renews it all the same, may have had another session since.
            is_same = before.pin.owner == pin.owner and self._is_held(before)
            tenant = before.tenant if is_same else None
            written = replace(written, taken_over=before.taken_over, tenant=tenant)
        self._records[pin.session] = written

    def _forget_old(self) -> None:
        oldest_kept = self._clock.now() - KEPT_S
        while self._records:
            session, record = next(iter(self._records.items()))
            if record.written > oldest_kept:
                return
            del self._records[session]


class MemoryPins:
    """`SessionPins` of a gateway whose sessions nobody else can have: granted or refused at once."""

    def __init__(self, table: MemoryTable, owner: str) -> None:
        self._table = table
        self._owner = owner
        self._pins: dict[str, Pin] = {}

    def claim(
        self,
        session: str,
        at_least_epoch: int,
        holder: PinHolder,
        *,
        takes_over: bool = False,
        tenant: str = "",
    ) -> bool:
        if session in self._pins:
            raise SessionInUse()
        [pin] = self._table.claim([Claim(session, at_least_epoch, self._owner, takes_over, tenant)])
        if pin is None:
            raise SessionInUse()
        self._pins[session] = pin
        return True

    def epoch(self, session: str) -> int:
        return self._pins[session].epoch

    def release(self, session: str) -> None:
        pin = self._pins.pop(session, None)
        if pin is not None:
            self._table.release([pin])

    async def run(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(HEARTBEAT_S)

    def beat(self) -> None:
        for pin in self._table.renew(list(self._pins.values())):
            if pin is not None:
                self._pins[pin.session] = pin
