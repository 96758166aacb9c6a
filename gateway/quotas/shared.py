"""Quotas of a gateway that shares its table with others, and goes on without it.

One task asks the table for everything, one thing after the other. While the table is away nobody waits: this
gateway counts by itself, and the next heartbeat that is answered tells the table what it has let in. That may
be more than the quota; then nobody new is let in until it is less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.clock import Clock
from common.registry.base import RegistryAway
from gateway.access.tenants import Tenant
from gateway.boundary import tell
from gateway.quotas.account import Account
from gateway.quotas.base import Entrant, UseTable
from gateway.quotas.shared_account import SharedAccount, Verdict
from gateway.registry.health import Health
from gateway.registry.heartbeat import Heartbeat

# Of one call, so that neither Redis nor this process is busy with it for more than a few milliseconds.
TENANTS_AT_ONCE: Final = 100


class SharedQuotas:
    """`Quotas` on a `UseTable`."""

    def __init__(self, table: UseTable, health: Health, clock: Clock) -> None:
        self._table = table
        self._health = health
        self._clock = clock
        # Of tenants from the file only, so there cannot be many.
        self._accounts: dict[str, SharedAccount] = {}
        # Those of whom the table has to hear before the next heartbeat.
        self._due: dict[str, None] = {}
        self._heartbeat = Heartbeat(health, self.beat, self.settle)

    def check(self, tenant: Tenant) -> None:
        self._account(tenant).own.check()

    def enter(self, tenant: Tenant, entrant: Entrant) -> bool:
        account = self._account(tenant)
        if self._health.up and account.is_limited:
            account.waiting[entrant] = None
            self._settle_soon(tenant)
            return False
        account.own.check()
        account.own.inside += 1
        return True

    def readmit(self, tenant: Tenant) -> None:
        self._account(tenant).own.inside += 1
        self._settle_soon(tenant)

    def hear(self, tenant: Tenant, samples: int) -> None:
        if self._account(tenant).hear(samples):
            self._settle_soon(tenant)

    def leave(self, tenant: Tenant, entrant: Entrant) -> None:
        self._accounts[tenant.id].leave(entrant, self._clock.now())
        self._settle_soon(tenant)

    async def run(self) -> None:
        try:
            await self._heartbeat.run()
        finally:
            await self.settle()
            await self._table.close()

    async def beat(self) -> None:
        """Tell everything; with nothing to be told, ask all the same."""
        self._forget_idle()
        try:
            await self._exchange([account for account in self._accounts.values() if account.is_limited])
        except RegistryAway as error:
            self._go_on_alone(error)
        else:
            self._health.answered()

    async def settle(self) -> None:
        """Tell what cannot wait."""
        due, self._due = self._due, {}
        # One that was forgotten meanwhile has nothing to tell.
        known = [self._accounts[tenant] for tenant in due if tenant in self._accounts]
        accounts = [account for account in known if account.is_limited]
        if not accounts or not self._health.up:
            # The next heartbeat that is answered tells everything.
            return
        try:
            await self._exchange(accounts)
        except RegistryAway as error:
            self._go_on_alone(error)

    async def _exchange(self, accounts: Sequence[SharedAccount]) -> None:
        for first in range(0, max(1, len(accounts)), TENANTS_AT_ONCE):
            await self._exchange_some(accounts[first : first + TENANTS_AT_ONCE])

    async def _exchange_some(self, accounts: Sequence[SharedAccount]) -> None:
        questions = [account.question() for account in accounts]
        shares = await self._table.exchange([question.use for question in questions])
        for account, question, share in zip(accounts, questions, shares, strict=True):
            _announce(account.answered(question, share, self._clock.now()))
            if account.own.inside != question.use.inside + share.granted:
                self._settle_soon(account.own.tenant)

    def _go_on_alone(self, error: RegistryAway) -> None:
        self._health.failed(error)
        for account in list(self._accounts.values()):
            _announce(account.left_alone(self._clock.now()))

    def _account(self, tenant: Tenant) -> SharedAccount:
        now = self._clock.now()
        account = self._accounts.get(tenant.id)
        if account is None:
            account = self._accounts[tenant.id] = SharedAccount(Account(tenant), now)
        account.update(tenant, now, alone=not self._health.up)
        return account

    def _forget_idle(self) -> None:
        now = self._clock.now()
        for name, account in list(self._accounts.items()):
            if account.is_idle(now):
                del self._accounts[name]

    def _settle_soon(self, tenant: Tenant) -> None:
        self._due[tenant.id] = None
        self._heartbeat.settle_soon()


def _announce(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.refusal is None:
            tell(verdict.entrant, verdict.entrant.admitted)
        else:
            tell(verdict.entrant, verdict.entrant.refused, verdict.refusal)
