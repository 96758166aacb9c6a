"""A session's pin: the record that says which gateway has its id. What tables and keepers of pins have to do.

A pin is anybody's to take once its owner has not renewed it for `EXPIRY_S`. Its epoch grows whenever it
changes hands, so that of two gateways that both believe to have a session one always has the older pin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

HEARTBEAT_S: Final = 1.0
# Two heartbeats may be lost.
EXPIRY_S: Final = 3.0
# How long the epoch of an id is remembered that nobody has: longer than anybody goes on with a lost session.
KEPT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """`at_least_epoch`: the greatest epoch that the claimant has heard of; 0 for a new session. `takes_over`:
    whichever gateway has it now, since the client has shown that it had this session; not if it is another
    tenant's by now."""

    session: str
    at_least_epoch: int
    owner: str
    takes_over: bool = False
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """`owner` is a gateway's unique id."""

    session: str
    epoch: int
    owner: str

    @property
    def rank(self) -> tuple[int, str]:
        """Of two pins of one session the greater one counts."""
        return self.epoch, self.owner


class PinTable(Protocol):
    """All gateways' pins. Calls answer in the order of what they are given; all raise `RegistryAway`."""

    async def claim(self, claims: Sequence[Claim]) -> list[Pin | None]:
        """None where another gateway has the session, and it is not to be taken over; else a pin with a
        greater epoch than any before."""
        ...

    async def renew(self, pins: Sequence[Pin]) -> list[Pin | None]:
        """None where another gateway's pin counts; else the pin as it is now, which may have a greater epoch.

        A pin that the table does not know is written down: so an emptied one is filled again.
        """
        ...

    async def release(self, pins: Sequence[Pin]) -> None:
        """Those that are still exactly as given are free; their epochs are remembered."""
        ...

    async def close(self) -> None: ...


class PinHolder(Protocol):
    """A session towards its pin."""

    def pinned(self) -> None:
        """What was claimed is granted."""
        ...

    def taken(self) -> None:
        """Another gateway has the session: this one has to end. Nothing need be released."""
        ...

    def broken(self) -> None:
        """One of the others has raised; end this session as well as it still can be."""
        ...


class SessionPins(Protocol):
    """The pins of one gateway."""

    def claim(
        self,
        session: str,
        at_least_epoch: int,
        holder: PinHolder,
        *,
        takes_over: bool = False,
        tenant: str = "",
    ) -> bool:
        """True: it is pinned. False: `pinned` or `taken` will follow soon, unless it is released before.

        Raises `SessionInUse` where that is known at once; for a session of this gateway also if it is to be
        taken over.
        """
        ...

    def epoch(self, session: str) -> int:
        """Of a session that is pinned."""
        ...

    def release(self, session: str) -> None:
        """The session has ended; does nothing where it has no pin."""
        ...

    async def run(self) -> None:
        """Renew them until cancelled."""
        ...
