"""Quotas: what connections want of them, and what gateways want of a table that counts for all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.errors import VoxshardError
from gateway.access.tenants import Tenant


class Entrant(Protocol):
    """A session towards its place among the streams of its tenant."""

    def admitted(self) -> None:
        """There is room for it."""
        ...

    def refused(self, error: VoxshardError) -> None:
        """There is none, and it need not leave."""
        ...

    def broken(self) -> None:
        """One of the others has raised; end this session as well as it still can be."""
        ...


class Quotas(Protocol):
    """Of one gateway. Nothing waits: `hear` is called for every frame of live audio."""

    def check(self, tenant: Tenant) -> None:
        """Raises what `enter` would, as far as it is known."""
        ...

    def enter(self, tenant: Tenant, entrant: Entrant) -> bool:
        """One stream more. True: it is inside. False: `admitted` or `refused` will follow soon, unless it
        leaves before.

        Raises `StreamQuota` or `AudioQuota` where that is known at once.
        """
        ...

    def readmit(self, tenant: Tenant) -> None:
        """One stream more that has been let in before, at this gateway or another: it is not refused."""
        ...

    def hear(self, tenant: Tenant, samples: int) -> None:
        """So much more audio. Raises `AudioQuota`, and then it does not count."""
        ...

    def leave(self, tenant: Tenant, entrant: Entrant) -> None:
        """One stream less, or one that waits no longer."""
        ...

    async def run(self) -> None:
        """Whatever has to be done beside, until cancelled; returns if there is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """What a tenant uses at one gateway, and what it asks for.

    `inside`: all its streams there; `wanted`: how many more would like to be. `left_s`: seconds of audio that
    the gateway believes to be left; `heard_s`: what it has heard since the last answer, and has taken off
    `left_s` already. None: there was no last answer; then `left_s` alone counts.
    """

    tenant: Tenant
    inside: int
    wanted: int
    left_s: float
    heard_s: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """What it gets: `granted` of those wanted are inside now. `elsewhere`: streams at other gateways.
    `left_s`: seconds of audio, below 0 if gateways have let through too much. 0 where there is no quota."""

    granted: int
    elsewhere: int
    left_s: float


class UseTable(Protocol):
    """The use of all gateways, seen from one."""

    async def exchange(self, uses: Sequence[Use]) -> list[Share]:
        """One share for each use. Raises `RegistryAway`.

        Of streams everything is told, never a difference: so it may be told twice, and an emptied table is
        filled again. What a gateway has told counts until `EXPIRY_S` after it.
        """
        ...

    async def close(self) -> None: ...
