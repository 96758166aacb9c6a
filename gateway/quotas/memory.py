"""Quotas of a gateway that counts for itself alone. Pure."""

from __future__ import annotations

from common.clock import Clock
from gateway.access.tenants import Tenant
from gateway.quotas.account import Account
from gateway.quotas.base import Entrant


class MemoryQuotas:
    """`Quotas` that are granted or refused at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Of tenants from the file only, so there cannot be many.
        self._accounts: dict[str, Account] = {}

    def check(self, tenant: Tenant) -> None:
        self._account(tenant).check()

    def enter(self, tenant: Tenant, entrant: Entrant) -> bool:
        account = self._account(tenant)
        account.check()
        account.inside += 1
        return True

    def readmit(self, tenant: Tenant) -> None:
        self._account(tenant).inside += 1

    def hear(self, tenant: Tenant, samples: int) -> None:
        self._account(tenant).hear(samples)

    def leave(self, tenant: Tenant, entrant: Entrant) -> None:
        self._accounts[tenant.id].inside -= 1

    async def run(self) -> None:
        """There is nothing to be done."""

    def _account(self, tenant: Tenant) -> Account:
        account = self._accounts.setdefault(tenant.id, Account(tenant))
        account.update(tenant, self._clock.now(), fills=True)
        return account
