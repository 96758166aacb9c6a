"""The table of pins in a real Redis: contract and answers as in memory, and what is when it is away."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.registry.base import ANSWER_WITHIN_S, RegistryAway, UnusableUrl
from common.registry.redis_call import RedisScripts
from gateway.registry.base import Claim, Pin, PinTable
from gateway.registry.memory import MemoryTable
from gateway.registry.redis import RedisTable
from tests.support.aio import run, turns
from tests.support.clock import ManualClock
from tests.support.owner_tables import OWNERS, OwnerTables
from tests.support.pin_contract import CHECKS, TIMED, Check, Contract
from tests.support.pin_tables import RemoteTable
from tests.support.redis_server import PASSWORD, RedisServer

EXPIRY_S = 1.0
# What is not about time had better not depend on how busy the machine is.
PATIENCE_S = 5.0
LONG_S = 60.0


def tables_at(url: str, expiry_s: float = LONG_S) -> OwnerTables[RedisTable]:
    return OwnerTables(lambda owner: RedisTable(RedisScripts(url, PATIENCE_S), owner, expiry_s))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(redis: RedisServer, check: Check) -> None:
    expiry_s = EXPIRY_S if check in TIMED else LONG_S

    async def scenario() -> None:
        async def expire() -> None:
            assert check in TIMED
            await asyncio.sleep(expiry_s + 0.05)

        async def clear() -> None:
            await asyncio.to_thread(redis.flush)

        async with tables_at(redis.url, expiry_s) as tables:
            await check(Contract(lambda owner: tables.of[owner], expire, clear))

    redis.flush()
    run(scenario())


def test_all_keys_have_the_prefix_and_an_end(redis: RedisServer) -> None:
    async def scenario() -> None:
        async with tables_at(redis.url) as tables:
            await tables.of["ada"].claim([Claim("call", 0, "ada"), Claim("a:b.c", 0, "ada")])

    redis.flush()
    run(scenario())
    assert redis.keys() == ["voxshard:pin:a:b.c", "voxshard:pin:call"]
    assert all(left_s > 0 for left_s in redis.ends_s())


Operation = tuple[str, str, str, int]
operations: st.SearchStrategy[list[Operation]] = st.lists(
    st.tuples(
        st.sampled_from(("claim", "take over", "renew", "release")),
        st.sampled_from(OWNERS),
        st.sampled_from(("one", "two")),
        st.integers(0, 4),
    ),
    min_size=20,
    max_size=60,
)


async def _do(table: PinTable, operation: Operation) -> object:
    what, owner, session, epoch = operation
    tenant = f"tenant {epoch % 2}"
    match what:
        case "claim" | "take over":
            return await table.claim([Claim(session, epoch, owner, what == "take over", tenant)])
        case "renew":
            return await table.renew([Pin(session, epoch + 1, owner)])
        case _:
            await table.release([Pin(session, epoch + 1, owner)])
            return None


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(operations)
def test_answers_what_the_table_in_memory_answers(redis: RedisServer, asked: list[Operation]) -> None:
    async def scenario() -> None:
        memory = RemoteTable(MemoryTable(ManualClock(), expiry_s=LONG_S))
        async with tables_at(redis.url) as tables:
            for operation in asked:
                expected = await _do(memory, operation)
                assert await _do(tables.of[operation[1]], operation) == expected

    redis.flush()
    run(scenario())


def test_a_redis_that_stands_still_is_away_soon_and_then_there_again() -> None:
    async def scenario(server: RedisServer) -> None:
        hasty, table = (
            RedisTable(RedisScripts(server.url), "ada"),
            RedisTable(RedisScripts(server.url, PATIENCE_S), "ada"),
        )
        await table.renew([])
        server.pause()
        with pytest.raises(RegistryAway, match=f"no answer within {ANSWER_WITHIN_S} s"):
            await hasty.renew([])
        await hasty.close()
        server.go_on()
        assert await table.claim([Claim("call", 0, "ada")]) == [Pin("call", 1, "ada")]
        await table.close()

    with RedisServer() as server:
        run(scenario(server))


def test_a_redis_that_was_restarted_is_there_at_once() -> None:
    async def scenario(server: RedisServer) -> None:
        table = RedisTable(RedisScripts(server.url, PATIENCE_S), "ada")
        await table.claim([Claim("call", 0, "ada")])
        server.kill()
        with pytest.raises(RegistryAway, match="ConnectionError"):
            await table.renew([])
        server.start()
        assert await table.renew([Pin("call", 1, "ada")]) == [Pin("call", 1, "ada")]
        await table.close()

    with RedisServer() as server:
        run(scenario(server))


def test_whoever_is_cancelled_while_it_is_asked_ends(redis: RedisServer) -> None:
    async def ask(scripts: RedisScripts) -> None:
        while True:
            await scripts.call("return {#ARGV}", ["key"], [b"x" * 1_000] * 200)

    async def scenario() -> None:
        scripts = RedisScripts(redis.url, PATIENCE_S)
        for turns_of_the_loop in range(40):
            asking = asyncio.create_task(ask(scripts))
            await turns(turns_of_the_loop)
            asking.cancel()
            _, still_asking = await asyncio.wait([asking], timeout=1.0)
            asking.cancel()
            assert not still_asking
        await scripts.close()

    run(scenario())


def test_a_restart_between_two_calls_is_not_noticed() -> None:
    async def scenario(server: RedisServer) -> None:
        table = RedisTable(RedisScripts(server.url, PATIENCE_S), "ada")
        await table.claim([Claim("call", 0, "ada")])
        server.kill()
        server.start()
        assert await table.renew([Pin("call", 1, "ada")]) == [Pin("call", 1, "ada")]
        await table.close()

    with RedisServer() as server:
        run(scenario(server))


def test_a_wrong_password_is_named_but_not_said(redis: RedisServer) -> None:
    async def scenario() -> None:
        table = RedisTable(RedisScripts(redis.url.replace(PASSWORD, "wrong-secret"), PATIENCE_S), "ada")
        with pytest.raises(RegistryAway, match="AuthenticationError") as away:
            await table.renew([])
        assert "secret" not in str(away.value)
        await table.close()

    run(scenario())


def test_an_address_with_unknown_options_is_refused() -> None:
    with pytest.raises(UnusableUrl):
        RedisScripts("redis://:secret@localhost/0?colour=red")
