"""A worker towards other hosts: a port for links of their gateways, and its record in the directory."""

from __future__ import annotations

import asyncio
import logging
import secrets
from functools import partial
from typing import Final

from common.identity import instance_name
from common.link import Hello
from common.link_auth import KEY_BYTES, Handshake, Refusal, Role
from common.link_guard import LinkGuard
from common.link_transport import LinkTransport
from common.registry.announcer import Announcer
from common.registry.base import Directory, WorkerRecord
from common.scrape import instance_targets
from common.settings import Settings
from worker.metrics import WorkerMetrics
from worker.server import GatewayLinks

log = logging.getLogger(__name__)

# Of gateways that have not proven yet who they are; more would be somebody who only connects.
MOST_UNPROVEN: Final = 64


class LinkPort:
    """Listens for links over TCP; those who know the key become links of this worker."""

    def __init__(self, key: bytes, links: GatewayLinks, metrics: WorkerMetrics) -> None:
        self._key = key
        self._links = links
        self._metrics = metrics
        self._unproven = 0

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Raises `OSError`."""
        return await asyncio.get_running_loop().create_server(self._connection, host, port)

    def _connection(self) -> asyncio.Protocol:
        if self._unproven >= MOST_UNPROVEN:
            self._refused(Refusal.CROWDED)
            return _Closed()
        self._unproven += 1
        handshake = Handshake(Role.WORKER, self._key)
        return LinkGuard(handshake, partial(LinkTransport, self._links), self._decided)

    def _decided(self, refusal: Refusal | None) -> None:
        self._unproven -= 1
        if refusal is not None:
            self._refused(refusal)

    def _refused(self, refusal: Refusal) -> None:
        self._metrics.link_refused(refusal)
        log.warning("link of another host refused", extra={"cause": refusal.value})


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Presence:
    """Of one worker process, whose key nobody has had before."""

    def __init__(
        self, settings: Settings, directory: Directory, links: GatewayLinks, metrics: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._key = secrets.token_bytes(KEY_BYTES)
        self._port = LinkPort(self._key, links, metrics)

    async def listen(self, index: int) -> asyncio.Server:
        """For links to worker `index`. Raises `OSError`."""
        return await self._port.listen(_host(self._settings), self._settings.link_port + index)

    async def announce(self, index: int, hello: Hello) -> None:
        """Until cancelled."""
        record = WorkerRecord(
            id=hello.name,
            instance=instance_name(self._settings),
            incarnation=hello.incarnation or secrets.token_hex(8),
            link_host=_host(self._settings),
            link_port=self._settings.link_port + index,
            link_version=hello.version,
            key=self._key,
            host=hello.host,
            card=hello.card,
            capacity=hello.capacity,
            targets=instance_targets(self._settings),
        )
        await Announcer(self._directory, lambda: record).run()


def _host(settings: Settings) -> str:
    assert settings.advertise_host is not None, "found before anything else"
    return settings.advertise_host


def make_presence(settings: Settings, links: GatewayLinks, metrics: WorkerMetrics) -> Presence | None:
    """None where there are no other hosts. Raises `UnusableUrl`."""
    if settings.redis_url is None:
        return None
    # Only now: who has no Redis need not load its client.
    from common.registry.redis_directory import RedisDirectory  # noqa: PLC0415

    return Presence(settings, RedisDirectory(settings.redis_url), links, metrics)
