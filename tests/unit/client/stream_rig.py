"""What the tests of `StreamClient` share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from client.stream import StreamClient, StreamError, Update
from client.view import Lost
from tests.unit.client.scripted_server import Peer, Script, serving

FRAME = bytes(range(256)) * 12 + bytes(128)


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work

    asyncio.run(bounded())


async def plain_session(peer: Peer) -> None:
    await peer.start()
    await peer.stop("one", "two")


async def read_all(client: StreamClient) -> list[Update]:
    return [update async for update in client.updates()]


def numbers(updates: list[Update]) -> list[int]:
    """`seq` of all messages."""
    return [update.message.seq for update in updates if not isinstance(update.message, Lost)]


def failure_of(script: Script, act: Callable[[StreamClient], Awaitable[object]]) -> StreamError:
    """What `act` raises in a session with a server that follows `script`."""

    async def attempt() -> None:
        async with serving(script) as url, StreamClient(url) as client:
            await act(client)

    with pytest.raises(StreamError) as caught:
        run(attempt())
    return caught.value
