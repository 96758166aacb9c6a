"""The tables of records and of the seed in a real Redis: as in plain words, and what is there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from common.checkpoint import Checkpoint
from common.events import EndpointReason, Final, ScheduleStep, SessionOptions, Word
from common.registry.base import RegistryAway
from common.registry.redis_call import RedisScripts
from gateway.registry.record_scripts import LOAD
from gateway.registry.records import Record, RecordHead, Save, Saved
from gateway.registry.redis_records import KEY_PREFIX, RedisRecords
from gateway.registry.redis_seed import RedisSeed
from tests.support.aio import run
from tests.support.kept_sessions import PlainTable, final
from tests.support.redis_server import RedisServer

PATIENCE_S = 5.0
HEAD = RecordHead("ada", SessionOptions("en", ("word",), (("a", "b"),), (ScheduleStep(None, 500),), True))
WORDS = (Word("Größe", 10, 20), Word("大", 20, 30))


def records(redis: RedisServer, within_s: float = 120.0) -> RedisRecords:
    return RedisRecords(RedisScripts(redis.url, PATIENCE_S), within_s)


def test_a_record_comes_back_as_it_was(redis: RedisServer) -> None:
    whole = Final(1, "Größe 大", 5, 100, 200, EndpointReason.COMMIT, WORDS)
    head = RecordHead("ada", HEAD.options, Checkpoint(500, 600, 3, True), 2, 900, "engine_failed")

    async def scenario() -> None:
        table = records(redis)
        assert await table.save([Save("call", 1, head, 0, (final(0), whole))]) == [Saved.KEPT]
        assert await table.load("call", 2) == Record(head, (final(0), whole))
        await table.close()

    redis.flush()
    run(scenario())


def test_a_long_record_is_answered_in_one_piece(redis: RedisServer) -> None:
    said = tuple(final(number) for number in range(2_000))

    async def scenario() -> None:
        scripts = RedisScripts(redis.url, PATIENCE_S)
        table = RedisRecords(scripts)
        await table.save([Save("call", 1, HEAD, 0, said)])
        head, count, _ = await scripts.call(LOAD, [f"{KEY_PREFIX}call"], [1_000, 2])
        assert (msgspec.msgpack.decode(head, type=RecordHead), count) == (HEAD, len(said))
        assert await table.load("call", 2) == Record(HEAD, said)
        await table.close()

    redis.flush()
    run(scenario())


def test_a_record_with_a_gap_is_none(redis: RedisServer) -> None:
    async def scenario() -> None:
        client, table = Redis.from_url(redis.url), records(redis)
        await table.save([Save("call", 1, HEAD, 0, (final(0), final(1), final(2)))])
        await client.hdel("voxshard:record:call", "1")
        assert await table.load("call", 2) is None
        await client.aclose()
        await table.close()

    redis.flush()
    run(scenario())


def test_what_nobody_touches_is_gone_after_a_while(redis: RedisServer) -> None:
    async def scenario() -> None:
        table = records(redis, within_s=1.0)
        await table.save([Save("call", 1, HEAD, 0, ()), Save("other", 1, HEAD, 0, ())])
        while redis.keys("voxshard:record:other"):
            assert await table.touch(["call"]) == [True]
            await asyncio.sleep(0.05)
        assert await table.touch(["other", "call"]) == [False, True]
        await table.close()

    redis.flush()
    run(scenario())
    assert redis.keys() == ["voxshard:record:call"]


def test_a_record_of_another_version_is_none(redis: RedisServer) -> None:
    async def scenario() -> None:
        client, table = Redis.from_url(redis.url), records(redis)
        await client.hset("voxshard:record:call", mapping={"e": "1", "h": b"\xc1"})
        assert await table.load("call", 2) is None
        await client.aclose()
        await table.close()

    redis.flush()
    run(scenario())


def test_a_table_that_is_away_says_so() -> None:
    async def scenario() -> None:
        table = RedisRecords(RedisScripts("redis://127.0.0.1:1"))
        with pytest.raises(RegistryAway):
            await table.save([Save("call", 1, HEAD, 0, ())])

    run(scenario())


def test_a_table_that_is_full_says_so_before_something_is_saved(redis: RedisServer) -> None:
    async def scenario() -> None:
        client, table = Redis.from_url(redis.url), records(redis)
        await table.save([Save("call", 1, HEAD, 0, ())])
        await client.pexpire("voxshard:record:call", 60_000)
        try:
            await client.config_set("maxmemory", "100kb")
            for sessions in ([], ["call"]):
                with pytest.raises(RegistryAway, match="OutOfMemoryError"):
                    await table.touch(sessions)
            # It was touched all the same.
            assert await client.pttl("voxshard:record:call") > 60_000
        finally:
            await client.config_set("maxmemory", "0")
        assert await table.touch(["call"]) == [True]
        await client.aclose()
        await table.close()

    redis.flush()
    run(scenario())
    assert redis.keys() == ["voxshard:record:call"]


def test_the_first_seed_counts_for_all(redis: RedisServer) -> None:
    async def scenario() -> list[str]:
        tables = [RedisSeed(RedisScripts(redis.url, PATIENCE_S)) for _ in range(2)]
        kept = [await table.keep(seed) for table, seed in zip(tables, ("one", "two"), strict=True)]
        for table in tables:
            await table.close()
        return kept

    redis.flush()
    assert run(scenario()) == ["one", "one"]


Step = tuple[str, str, int, int, int]
STEPS = st.tuples(
    st.sampled_from(["save", "load", "touch"]),
    st.sampled_from(["one", "two"]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 2),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_redis_answers_as_plain_words_do(redis: RedisServer, steps: list[Step]) -> None:
    async def answers(table: PlainTable | RedisRecords) -> list[object]:
        return [await _step(table, step) for step in steps]

    async def scenario() -> None:
        table = records(redis)
        assert await answers(table) == await answers(PlainTable())
        await table.close()

    redis.flush()
    run(scenario())


async def _step(table: PlainTable | RedisRecords, step: Step) -> object:
    call, session, epoch, first, count = step
    match call:
        case "save":
            finals: Sequence[Final] = [final(first + number, f"{epoch}") for number in range(count)]
            return await table.save([Save(session, epoch, HEAD, first, tuple(finals))])
        case "load":
            return await table.load(session, epoch)
        case _:
            return await table.touch([session])
