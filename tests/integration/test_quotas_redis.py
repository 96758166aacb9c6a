"""The use of gateways in a real Redis: contract and answers as in plain words."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.registry.redis_call import RedisScripts
from gateway.access.tenants import Tenant
from gateway.quotas.base import Use
from gateway.quotas.redis import RedisUse
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.owner_tables import OWNERS, OwnerTables
from tests.support.redis_server import RedisServer
from tests.support.use_contract import CHECKS, TENANT, TIMED, Check, Contract
from tests.support.use_tables import RemoteUse, UseModel

EXPIRY_S = 1.0
# What is not about time had better not depend on how busy the machine is.
PATIENCE_S = 5.0
LONG_S = 60.0


def tables_at(url: str, expiry_s: float = LONG_S) -> OwnerTables[RedisUse]:
    return OwnerTables(lambda owner: RedisUse(RedisScripts(url, PATIENCE_S), owner, expiry_s))


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


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_so_do_the_plain_words(check: Check) -> None:
    clock = ManualClock()
    model = UseModel(clock, EXPIRY_S)

    async def expire() -> None:
        clock.advance(EXPIRY_S)

    async def clear() -> None:
        model.clear()

    run(check(Contract(lambda owner: RemoteUse(model, owner), expire, clear)))


def test_all_keys_have_the_prefix_and_an_end(redis: RedisServer) -> None:
    async def scenario() -> None:
        async with tables_at(redis.url) as tables:
            await tables.of["ada"].exchange(
                [Use(TENANT, 1, 0, 6_000, None), Use(Tenant("free"), 1, 0, 0, None)]
            )

    redis.flush()
    run(scenario())
    assert redis.keys() == ["voxshard:audio:acme", "voxshard:streams:acme"]
    # A bucket that is full need not be remembered any longer.
    assert all(LONG_S - PATIENCE_S < left_s <= LONG_S for left_s in redis.ends_s())


# A quota of streams, inside, wanted; seconds of audio left, and heard.
Asked = tuple[str, tuple[int, int, int], int, int | None]
questions: st.SearchStrategy[list[Asked]] = st.lists(
    st.tuples(
        st.sampled_from(OWNERS),
        st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(0, 6)),
        st.integers(0, 6),
        st.none() | st.integers(0, 3),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(questions)
def test_answers_what_the_plain_words_answer(redis: RedisServer, asked: list[Asked]) -> None:
    async def scenario() -> None:
        model = UseModel(ManualClock(), LONG_S)
        async with tables_at(redis.url) as tables:
            for owner, (quota, inside, wanted), left_s, heard_s in asked:
                # A tenth of a second fills in a second.
                tenant = Tenant("acme", streams=quota, audio_seconds_per_minute=6)
                use = Use(tenant, inside, wanted, left_s, heard_s)
                [expected] = model.exchange(owner, [use])
                [share] = await tables.of[owner].exchange([use])
                assert (share.granted, share.elsewhere) == (expected.granted, expected.elsewhere)
                assert share.left_s == pytest.approx(expected.left_s, abs=0.4)

    redis.flush()
    run(scenario())
