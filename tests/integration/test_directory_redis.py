"""The directory in a real Redis: its contract, and what is when Redis is away."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from common.registry.base import RegistryAway, UnusableUrl
from common.registry.redis_directory import RedisDirectory
from tests.support.aio import run
from tests.support.directories import ADA, BOB, gateway_record
from tests.support.directory_contract import CHECKS, Check, Contract
from tests.support.redis_server import PASSWORD, RedisServer

EXPIRY_S = 1.0
# What is not about time had better not depend on how busy the machine is.
PATIENCE_S = 5.0


class Directories:
    """As many as are asked for, closed together."""

    def __init__(self, url: str, expiry_s: float) -> None:
        self._url = url
        self._expiry_s = expiry_s
        self._made: list[RedisDirectory] = []

    def make(self) -> RedisDirectory:
        self._made.append(RedisDirectory(self._url, self._expiry_s, PATIENCE_S))
        return self._made[-1]

    async def __aenter__(self) -> Directories:
        return self

    async def __aexit__(self, *_: object) -> None:
        for directory in self._made:
            await directory.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(redis: RedisServer, check: Check) -> None:
    expiry_s = EXPIRY_S if "runs_out" in check.__name__ else 60.0

    async def scenario() -> None:
        async def expire() -> None:
            await asyncio.sleep(expiry_s + 0.05)

        async def clear() -> None:
            await asyncio.to_thread(redis.flush)

        async with Directories(redis.url, expiry_s) as directories:
            await check(Contract(directories.make, expire, clear))

    redis.flush()
    run(scenario())


def test_keys_have_the_prefix_and_what_has_run_out_is_forgotten(redis: RedisServer) -> None:
    async def scenario() -> None:
        async with Directories(redis.url, EXPIRY_S) as directories:
            directory = directories.make()
            await directory.announce(ADA)
            await directory.announce(gateway_record("b:0"))
            assert redis.keys() == [
                "voxshard:gateway:b:0",
                "voxshard:gateways",
                "voxshard:worker:a:0",
                "voxshard:workers",
            ]
            await asyncio.sleep(EXPIRY_S + 0.05)
            await directory.look()
            assert redis.keys() == []

    redis.flush()
    run(scenario())


def test_a_record_that_nobody_here_can_read_is_left_alone(redis: RedisServer) -> None:
    async def scenario() -> None:
        async with Directories(redis.url, 60.0) as directories:
            directory = directories.make()
            await directory.announce(BOB)
            with Redis.from_url(redis.url) as client:
                client.sadd("voxshard:workers", "c:0")
                client.set("voxshard:worker:c:0", b"of another version")
            assert (await directory.look()).workers == [BOB]
            assert redis.keys("voxshard:worker:c") == ["voxshard:worker:c:0"]

    redis.flush()
    run(scenario())


async def _listen(directory: RedisDirectory) -> None:
    """Past what it returns for at once: that it listens now, and Redis's word on that."""
    for _ in range(2):
        await directory.changed(0.1)


def test_changes_are_told_again_after_a_restart() -> None:
    async def scenario(server: RedisServer) -> None:
        async with Directories(server.url, 60.0) as directories:
            one, other = directories.make(), directories.make()
            await _listen(other)
            server.kill()
            for _ in range(2):
                with pytest.raises(RegistryAway):
                    await other.changed(PATIENCE_S)
            server.start()
            await _listen(other)
            told = asyncio.create_task(other.changed(PATIENCE_S))
            await one.announce(ADA)
            async with asyncio.timeout(PATIENCE_S / 2):
                await told

    with RedisServer() as server:
        run(scenario(server))


def test_a_redis_that_stands_still_is_away_soon() -> None:
    async def scenario(server: RedisServer) -> None:
        directory = RedisDirectory(server.url, answer_within_s=0.2)
        server.pause()
        for asked in (directory.look(), directory.announce(ADA), directory.changed(0.1)):
            with pytest.raises(RegistryAway, match="no answer"):
                await asked
        server.go_on()
        await directory.close()

    with RedisServer() as server:
        run(scenario(server))


def test_no_secret_is_in_what_goes_wrong(redis: RedisServer) -> None:
    async def scenario() -> None:
        directory = RedisDirectory(redis.url.replace(PASSWORD, "wrong-secret"), answer_within_s=PATIENCE_S)
        for asked in (directory.look(), directory.changed(0.1)):
            with pytest.raises(RegistryAway, match="AuthenticationError") as away:
                await asked
            assert "secret" not in str(away.value)
        await directory.close()

    run(scenario())


def test_an_address_with_unknown_options_is_refused() -> None:
    with pytest.raises(UnusableUrl) as refused:
        RedisDirectory("redis://:secret@localhost/0?colour=red")
    assert "secret" not in str(refused.value)
