"""A channel of Redis: that something was said, not what."""

from __future__ import annotations

from redis.asyncio.client import PubSub

from common.registry.base import RegistryAway
from common.registry.redis_call import answered_within, redis_client


class RedisChannel:
    """Raises `UnusableUrl`; does not connect before the first call."""

    def __init__(self, url: str, name: str, answer_within_s: float) -> None:
        self._name = name
        self._answer_within_s = answer_within_s
        self._client = redis_client(url)
        self._heard: PubSub | None = None

    async def heard(self, within_s: float) -> None:
        """Return once something has been said since the last call, or after so many seconds; at once when
        nobody has listened before. Raises `RegistryAway`."""
        try:
            if self._heard is None:
                self._heard = self._client.pubsub(ignore_subscribe_messages=True)
                async with answered_within(self._answer_within_s):
                    await self._heard.subscribe(self._name)
            else:
                async with answered_within(within_s + self._answer_within_s):
                    await _next_message(self._heard, within_s)
        except RegistryAway:
            await self.stop_listening()
            raise

    async def close(self) -> None:
        await self.stop_listening()
        await self._client.aclose()

    async def stop_listening(self) -> None:
        """The next call has a new connection: one that only listens does not notice that its peer is gone."""
        heard, self._heard = self._heard, None
        if heard is not None:
            await heard.aclose()  # type: ignore[no-untyped-call]


async def _next_message(heard: PubSub, within_s: float) -> None:
    """And those that have come with it."""
    message = await heard.get_message(timeout=within_s)
    while message is not None:
        message = await heard.get_message(timeout=0)
