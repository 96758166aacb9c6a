"""The directory: which workers and gateways there are on all hosts. Its records, and what keeps them.

A record is there while its process renews it; nothing that runs depends on the directory being there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import msgspec

from common.scrape import TargetGroup

HEARTBEAT_S: Final = 1.0
# Two heartbeats may be lost.
EXPIRY_S: Final = 3.0
# How long gateways wait for what they ask about sessions: whoever starts one waits as long.
ANSWER_WITHIN_S: Final = 0.25


class RegistryAway(Exception):
    """The registry does not answer, or not with what was asked for. The message holds no secret."""


class UnusableUrl(Exception):
    """No connection can be made of this address, which is not repeated: it may hold a password."""

    def __init__(self) -> None:
        super().__init__("redis_url: the options of this address cannot be used")


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is reached, and what it is.

    `incarnation` is another one for every process. `key` is the secret of its link: whoever may read the
    directory may use its workers. `host` and `card` are what it can be lost with; on the CPU there is no
    card. `targets`: its whole instance, for Prometheus.
    """

    id: str
    instance: str
    incarnation: str
    link_host: str
    link_port: int
    link_version: int
    key: bytes
    host: str
    card: str | None = None
    capacity: float = 1.0
    targets: tuple[TargetGroup, ...] = ()

    def __repr__(self) -> str:
        return f"WorkerRecord({self.id}, {self.incarnation})"


class GatewayRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway as its own instance shows it. `targets`: its whole instance, for Prometheus."""

    id: str
    instance: str
    pid: int
    state: str
    sessions: int
    metrics_url: str
    targets: tuple[TargetGroup, ...] = ()


Record = WorkerRecord | GatewayRecord


@dataclass(frozen=True, slots=True)
class Listing:
    """All that is in the directory now, in no order."""

    workers: Sequence[WorkerRecord] = ()
    gateways: Sequence[GatewayRecord] = ()


class Directory(Protocol):
    """All calls raise `RegistryAway`, soon."""

    async def announce(self, record: Record) -> None:
        """It stands there for `EXPIRY_S`. Who waits for changes hears of a worker that was not there so."""
        ...

    async def withdraw(self, record: Record) -> None:
        """Its process takes nothing new any more."""
        ...

    async def look(self) -> Listing: ...

    async def changed(self, within_s: float) -> None:
        """Return once workers have come or gone since the last call, or after so many seconds."""
        ...

    async def close(self) -> None: ...


Decoded = TypeVar("Decoded", WorkerRecord, GatewayRecord)


def encode_record(record: Record) -> bytes:
    return msgspec.msgpack.encode(record)


def decode_records(texts: Sequence[bytes], kind: type[Decoded]) -> list[Decoded]:
    """Those that can be read: others are of another version, and cannot be worked with."""
    found = []
    for text in texts:
        try:
            found.append(msgspec.msgpack.decode(text, type=kind))
        except msgspec.MsgspecError:
            continue
    return found
