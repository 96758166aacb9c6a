"""Whom a gateway lets in: origin, then key or token, then quota; and what those inside may still have."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from common.clock import Clock
from common.errors import BadCredentials, InternalError, NoCredentials, OriginRefused, VoxshardError
from common.origins import Origins, allows
from gateway.access.credentials import credential
from gateway.access.tenants import Tenant
from gateway.access.tenants_file import TenantsFile
from gateway.connection import Request
from gateway.quotas.base import Quotas
from gateway.tenant_metrics import TenantMetrics

log = logging.getLogger(__name__)

# A client that tries again and again is one line in that time.
_LOG_EVERY_S: Final = 60.0
# API keys have no dots, tokens have two.
_DOTS_OF_A_TOKEN: Final = 2


Granted = Callable[[], None]
Refused = Callable[[VoxshardError], None]


class Allowance(Protocol):
    """What one connection may have. A session of it begins, hears and ends."""

    @property
    def tenant(self) -> str:
        """Whose it is; empty where nobody is asked."""
        ...

    def begin(self, granted: Granted, refused: Refused) -> None:
        """Calls `granted` at once, or one of the two soon, unless it ends before. `refused` also gets what
        `granted` raises later than at once.

        Raises `StreamQuota` or `AudioQuota`, and `BadCredentials` if the tenant is gone.
        """
        ...

    def go_on(self) -> None:
        """A session that has begun at another connection: whatever is in use, it is not refused.

        Raises `BadCredentials` if the tenant is gone.
        """
        ...

    def hear(self, samples: int) -> None:
        """Raises `AudioQuota`."""
        ...

    def end(self) -> None:
        """Does nothing if none has begun."""
        ...


class Doors(Protocol):
    def admit(self, request: Request) -> Allowance:
        """Raises the `VoxshardError` that refuses the request."""
        ...

    def refresh(self) -> None:
        """To be called a few times a second."""
        ...

    async def run(self) -> None:
        """Whatever has to be done beside, until cancelled; returns if there is nothing."""
        ...


class Unlimited:
    tenant = ""

    def begin(self, granted: Granted, refused: Refused) -> None:
        granted()

    def go_on(self) -> None:
        pass

    def hear(self, samples: int) -> None:
        pass

    def end(self) -> None:
        pass


class OpenDoors:
    """Everybody may come in, but for pages of other origins than these."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def admit(self, request: Request) -> Allowance:
        if not allows(self._origins, request.header("origin")):
            raise OriginRefused()
        return Unlimited()

    def refresh(self) -> None:
        pass

    async def run(self) -> None:
        pass


class TenantDoors:
    """Tenants may come in, each with its key or token."""

    def __init__(
        self, file: TenantsFile, origins: Origins, quotas: Quotas, clock: Clock, metrics: TenantMetrics
    ) -> None:
        self._file = file
        self._origins = origins
        self._quotas = quotas
        self._clock = clock
        self.metrics: Final = metrics
        self._logged: dict[tuple[str, str], float] = {}

    def admit(self, request: Request) -> Allowance:
        if not allows(self._origins, request.header("origin")):
            raise OriginRefused()
        tenant = self._tenant(credential(request.headers))
        try:
            if not allows(tenant.origins, request.header("origin")):
                raise OriginRefused()
            if not _will_resume(request):
                self._quotas.check(tenant)
        except VoxshardError as error:
            self.note(tenant.id, error)
            raise
        return TenantAllowance(tenant.id, self, self._quotas)

    def refresh(self) -> None:
        self._file.refresh()

    async def run(self) -> None:
        await self._quotas.run()

    def by_id(self, tenant: str) -> Tenant | None:
        """With its quotas of now; None if it is not in the file any more."""
        return self._file.by_id(tenant)

    def present(self, tenant_id: str) -> Tenant:
        """The same, but raises `BadCredentials`."""
        tenant = self._file.by_id(tenant_id)
        if tenant is None:
            raise BadCredentials()
        return tenant

    def note(self, tenant: str, refused: VoxshardError) -> None:
        """Counted, and into the log, where of a request nothing may stand but its tenant."""
        self.metrics.refused(tenant, refused.code)
        now = self._clock.now()
        what = (tenant, refused.code)
        if now - self._logged.get(what, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[what] = now
            log.info("tenant refused", extra={"tenant": tenant, "reason": refused.code})

    def _tenant(self, presented: str | None) -> Tenant:
        if presented is None:
            raise NoCredentials()
        if presented.count(".") == _DOTS_OF_A_TOKEN:
            return self._tenant_of_token(presented)
        tenant = self._file.by_key(presented)
        if tenant is None:
            raise BadCredentials()
        return tenant

    def _tenant_of_token(self, token: str) -> Tenant:
        verifier = self._file.verifier
        if verifier is None:
            raise BadCredentials()
        return self.present(verifier.tenant(token))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to tell of a session that has waited for its place."""

    granted: Granted
    refused: Refused


def _will_resume(request: Request) -> bool:
    """It has a session that is counted already; another one would be refused at START."""
    return request.query.get("resume") == "true"


class TenantAllowance:
    """New quotas count for those inside as well; a tenant that is gone may end what it has begun.

    An `Entrant` of its tenant's streams.
    """

    def __init__(self, tenant: str, doors: TenantDoors, quotas: Quotas) -> None:
        self.tenant = tenant
        self._doors = doors
        self._use = doors.metrics.of(tenant)
        self._quotas = quotas
        # What the running session was let in as; None between sessions.
        self._inside: Tenant | None = None
        self._asked: _Asked | None = None

    def begin(self, granted: Granted, refused: Refused) -> None:
        try:
            tenant = self._doors.present(self.tenant)
            at_once = self._quotas.enter(tenant, self)
        except VoxshardError as error:
            self._doors.note(self.tenant, error)
            raise
        self._goes_in(tenant)
        if at_once:
            granted()
        else:
            self._asked = _Asked(granted, refused)

    def go_on(self) -> None:
        try:
            tenant = self._doors.present(self.tenant)
        except VoxshardError as error:
            self._doors.note(self.tenant, error)
            raise
        self._quotas.readmit(tenant)
        self._goes_in(tenant)

    def hear(self, samples: int) -> None:
        if self._inside is None:
            return
        try:
            self._quotas.hear(self._doors.by_id(self.tenant) or self._inside, samples)
        except VoxshardError as error:
            self._doors.note(self.tenant, error)
            raise
        self._use.hears(samples)

    def end(self) -> None:
        tenant = self._goes_out()
        self._asked = None
        if tenant is not None:
            self._quotas.leave(tenant, self)

    # --- Entrant -------------------------------------------------------------------------------

    def admitted(self) -> None:
        asked = self._asked
        assert asked is not None
        try:
            asked.granted()
        except VoxshardError as error:
            asked.refused(error)

    def refused(self, error: VoxshardError) -> None:
        self._goes_out()
        self._doors.note(self.tenant, error)
        self._refuse(error)

    def broken(self) -> None:
        self._refuse(InternalError())

    def _goes_in(self, tenant: Tenant) -> None:
        """Or waits for its place."""
        self._inside = tenant
        self._use.begins()

    def _goes_out(self) -> Tenant | None:
        tenant, self._inside = self._inside, None
        if tenant is not None:
            self._use.ends()
        return tenant

    def _refuse(self, error: VoxshardError) -> None:
        if self._asked is not None:
            self._asked.refused(error)
