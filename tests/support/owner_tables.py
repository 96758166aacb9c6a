"""One table in Redis for each of several gateways, closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

OWNERS: Final = ("ada", "bob", "cleo")


class Closeable(Protocol):
    async def close(self) -> None: ...


Table = TypeVar("Table", bound=Closeable)


class OwnerTables(Generic[Table]):
    def __init__(self, make: Callable[[str], Table]) -> None:
        """`make`: the table of an owner."""
        self.of = {owner: make(owner) for owner in OWNERS}

    async def __aenter__(self) -> OwnerTables[Table]:
        return self

    async def __aexit__(self, *_: object) -> None:
        for table in self.of.values():
            await table.close()
