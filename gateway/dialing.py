"""The two ways to a worker: its Unix socket, or over TCP, where both ends prove who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

from common.link_auth import Handshake, Refusal, Role
from common.link_guard import LinkGuard
from common.link_transport import LinkTransport
from common.registry.base import WorkerRecord

# A host that is gone does not even refuse.
CONNECTED_WITHIN_S: Final = 2.0

Dial = Callable[[Callable[[], LinkTransport]], Coroutine[Any, Any, None]]
"""Returns when the link is up. Raises `OSError`."""


def over_socket(path: Path) -> Dial:
    async def dial(make_link: Callable[[], LinkTransport]) -> None:
        await asyncio.get_running_loop().create_unix_connection(make_link, str(path))

    return dial


def over_tcp(record: WorkerRecord, refused: Callable[[Refusal], None]) -> Dial:
    """`refused` is told when whoever answers is not that worker."""

    async def dial(make_link: Callable[[], LinkTransport]) -> None:
        try:
            refusal = await _admitted(record, make_link)
        except UnicodeError:
            # What is said of a name that no host can have, by an instance that was set up wrong.
            raise ConnectionError("no name of a host") from None
        if refusal is not None:
            refused(refusal)
            raise ConnectionError(refusal.value)

    return dial


async def _admitted(record: WorkerRecord, make_link: Callable[[], LinkTransport]) -> Refusal | None:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Refusal | None] = loop.create_future()

    def decided(refusal: Refusal | None) -> None:
        if not outcome.done():
            outcome.set_result(refusal)

    guard = partial(LinkGuard, Handshake(Role.GATEWAY, record.key), make_link, decided)
    async with asyncio.timeout(CONNECTED_WITHIN_S):
        transport, _ = await loop.create_connection(guard, record.link_host, record.link_port)
    try:
        return await outcome
    except asyncio.CancelledError:
        transport.abort()
        raise
