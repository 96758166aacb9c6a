"""Where two instances can be that share a Redis: on one machine, or as two hosts of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.support.network import Host, network_or_skip
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer

WORKERS: Final = 2
"""Of each instance."""
_ANNOUNCED: Final = "voxshard:worker:"


@dataclass(frozen=True, slots=True)
class Site:
    """`hosts`: where the places are, if those are hosts of their own."""

    redis: RedisServer
    places: tuple[Plan, Plan]
    hosts: tuple[Host, ...] = ()

    def instance(self, number: int) -> Deployment:
        return Deployment(self.places[number])

    def announced(self) -> set[str]:
        """Workers in the directory."""
        return {key.removeprefix(_ANNOUNCED) for key in self.redis.keys(_ANNOUNCED)}


@contextmanager
def one_machine() -> Iterator[Site]:
    with RedisServer() as redis:
        yield Site(redis, (_plan(redis), _plan(redis)))


@contextmanager
def two_hosts() -> Iterator[Site]:
    """Redis is on neither. Skips the test for a user who may make no network namespaces."""
    with network_or_skip(hosts=2) as network, RedisServer(network.address) as redis:
        one, other = (_plan(redis, host.address, host.netns) for host in network.hosts)
        yield Site(redis, (one, other), tuple(network.hosts))


def _plan(redis: RedisServer, host: str = "127.0.0.1", netns: str | None = None) -> Plan:
    # In the environment, where it belongs, and the only thing that instances are told of each other.
    environ = {"VOXSHARD_REDIS_URL": redis.url}
    return Plan(workers=WORKERS, environ=environ, host=host, netns=netns)


def workers_of(*deployments: Deployment) -> set[str]:
    return {f"{each.instance}:{number}" for each in deployments for number in range(WORKERS)}


def ready_at(gateway: Deployment) -> set[str]:
    """Workers that it could place sessions with."""
    return {row.id for row in gateway.rows().workers if row.state == "ready"}
