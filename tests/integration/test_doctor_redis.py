"""`voxshard doctor` where instances share a Redis and one thing is wrong with it: it names that one alone."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError
from redis.retry import Retry

from tests.support.certificate import make_certificate
from tests.support.doctor_machine import Machine, machine_in, only
from tests.support.ports import free_ports
from tests.support.redis_server import PASSWORD, RedisServer

_URL: Final = "VOXSHARD_REDIS_URL"
_WAY_S: Final = 0.4

Plant = Callable[[Machine, RedisServer, Redis], None]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return machine_in(tmp_path)


def wrong_password(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = redis.url.replace(PASSWORD, "another")


def no_password(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = redis.url.replace(f":{PASSWORD}@", "")


def eviction(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", "100mb")


def full_memory(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.config_set("maxmemory", "100kb")


def replica(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.replicaof("127.0.0.1", 1)


def too_few_replicas(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.config_set("min-replicas-to-write", "1")


def silence(machine: Machine, redis: RedisServer, client: Redis) -> None:
    redis.pause()


def endless_script(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.config_set("lua-time-limit", "10")
    impatient = Redis.from_url(redis.url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with impatient, pytest.raises(TimeoutError):
        impatient.eval("while true do end", 0)


def no_room_for_clients(machine: Machine, redis: RedisServer, client: Redis) -> None:
    client.config_set("maxclients", "1")


def no_such_database(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = redis.url.replace("/0", "/16")


def user_of_other_keys(machine: Machine, redis: RedisServer, client: Redis) -> None:
    _as_user(machine, redis, client, "~other:*", "&*", "+@all")


def user_without_scripts(machine: Machine, redis: RedisServer, client: Redis) -> None:
    _as_user(machine, redis, client, "~*", "&*", "+@all", "-@scripting")


def user_without_channels(machine: Machine, redis: RedisServer, client: Redis) -> None:
    _as_user(machine, redis, client, "~*", "resetchannels", "+@all")


def user_without_info(machine: Machine, redis: RedisServer, client: Redis) -> None:
    _as_user(machine, redis, client, "~voxshard:*", "&voxshard:*", "+@all", "-info")


def certificate_of_its_own(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = _with_tls(machine, redis, client)


def certificate_of_another_host(machine: Machine, redis: RedisServer, client: Redis) -> None:
    url = _with_tls(machine, redis, client).replace("127.0.0.1", "localhost")
    machine.environ[_URL] = f"{url}?ssl_ca_certs={machine.folder}/certificate.pem"


def tls_without_an_s(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = _with_tls(machine, redis, client).replace("rediss:", "redis:")


def unknown_host(machine: Machine, redis: RedisServer, client: Redis) -> None:
    machine.environ[_URL] = "redis://no-such-host.invalid:6379"


def nobody_there(machine: Machine, redis: RedisServer, client: Redis) -> None:
    redis.kill()


FAULTS: Final[dict[Plant, str]] = {
    wrong_password: "redis_password",
    no_password: "redis_password",
    eviction: "redis_evicts",
    full_memory: "redis_full",
    replica: "redis_wrong_kind",
    too_few_replicas: "redis_no_writes",
    silence: "redis_silent",
    endless_script: "redis_silent",
    no_room_for_clients: "redis_crowded",
    no_such_database: "redis_no_database",
    user_of_other_keys: "redis_no_rights",
    user_without_scripts: "redis_no_rights",
    user_without_channels: "redis_no_rights",
    user_without_info: "redis_unseen",
    certificate_of_its_own: "redis_untrusted",
    certificate_of_another_host: "redis_untrusted",
    tls_without_an_s: "redis_wrong_kind",
    unknown_host: "redis_unreachable",
    nobody_there: "redis_unreachable",
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_it_names_what_is_wrong_with_redis(machine: Machine, plant: Plant) -> None:
    with RedisServer() as redis, Redis.from_url(redis.url) as client:
        machine.environ[_URL] = redis.url
        plant(machine, redis, client)
        report = machine.examine()
    assert only(report).cause == FAULTS[plant]
    assert PASSWORD not in str(report)


def _as_user(machine: Machine, redis: RedisServer, client: Redis, *rights: str) -> None:
    client.execute_command("ACL", "SETUSER", "voxshard", "on", f">{PASSWORD}", *rights)  # type: ignore[no-untyped-call]
    machine.environ[_URL] = redis.url.replace("redis://", "redis://voxshard")


def _with_tls(machine: Machine, redis: RedisServer, client: Redis) -> str:
    """Its address then."""
    tls = make_certificate(machine.folder).tls
    [port] = free_ports(1)
    client.config_set("tls-cert-file", str(tls.certificate))
    client.config_set("tls-key-file", str(tls.key))
    client.config_set("tls-auth-clients", "no")
    client.config_set("tls-port", str(port))
    return f"rediss://:{PASSWORD}@127.0.0.1:{port}"


def test_a_certificate_that_is_trusted_is_no_fault(machine: Machine) -> None:
    with RedisServer() as redis, Redis.from_url(redis.url) as client:
        url = _with_tls(machine, redis, client)
        machine.environ[_URL] = f"{url}?ssl_ca_certs={machine.folder}/certificate.pem"
        assert machine.examine().ok


@pytest.fixture
def web_server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_sees_that_it_is_not_redis(machine: Machine, web_server: int) -> None:
    machine.environ[_URL] = f"redis://127.0.0.1:{web_server}"
    assert only(machine.examine()).cause == "redis_wrong_kind"


def test_it_sees_that_a_command_was_renamed(machine: Machine) -> None:
    with RedisServer(flags=("--rename-command", "EVAL", "")) as redis:
        machine.environ[_URL] = redis.url
        told = only(machine.examine())
    assert (told.cause, told.found) == ("redis_no_rights", "Redis does not know a command that is needed")


class _FarAway(socketserver.ThreadingTCPServer):
    """The way to a Redis that takes `_WAY_S`."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(("127.0.0.1", 0), _Way)


class _Way(socketserver.BaseRequestHandler):
    server: _FarAway

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as redis:
            back = threading.Thread(target=_pass_on, args=(redis, self.request))
            back.start()
            _pass_on(self.request, redis, _WAY_S)
            redis.shutdown(socket.SHUT_WR)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket, after_s: float = 0.0) -> None:
    while data := source.recv(65_536):
        time.sleep(after_s)
        target.sendall(data)


def test_it_sees_that_the_way_to_redis_is_too_long_for_gateways(machine: Machine) -> None:
    with RedisServer() as redis, _FarAway(urlsplit(redis.url).port or 0) as way:
        threading.Thread(target=way.serve_forever).start()
        machine.environ[_URL] = f"redis://:{PASSWORD}@127.0.0.1:{way.server_address[1]}/0"
        told = only(machine.examine())
        way.shutdown()
    assert told.cause == "redis_slow"
    assert told.found.endswith("gateways wait for 0.25 s")
