"""What the reader of a stream has received and its caller has not looked at yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from client.view import Result, Update

MAX_UNREAD: Final = 64


class UnreadUpdates:
    """At most `MAX_UNREAD` updates; when full, the oldest result gives way to the new one.

    No sentence is lost by that, since the newest result repeats them all.
    """

    def __init__(self) -> None:
        self._updates: deque[Update] = deque()
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._updates)

    def put(self, update: Update) -> None:
        if len(self._updates) >= MAX_UNREAD:
            results = (at for at, old in enumerate(self._updates) if isinstance(old.message, Result))
            del self._updates[next(results, 0)]
        self._updates.append(update)
        self.announce()

    def take(self) -> Update:
        return self._updates.popleft()

    def announce(self) -> None:
        """Wake all who wait for news; there need not be an update."""
        self._news.set()

    async def news(self) -> None:
        """Return at the next `put` or `announce`; what is there already does not count."""
        self._news.clear()
        await self._news.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as it holds; it may change only with an announcement."""
        while not condition():
            await self.news()
