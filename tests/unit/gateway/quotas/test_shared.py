from __future__ import annotations

import asyncio
import logging

import pytest

from common.audio import SAMPLE_RATE
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant
from gateway.quotas.shared import TENANTS_AT_ONCE
from gateway.quotas.shared_account import IDLE_S
from tests.support.aio import run, until
from tests.support.quota_contract import CHECKS, MINUTE, TWO_STREAMS, Check, Contract
from tests.support.use_tables import Gateway, Guest, two_gateways

TWENTY = Tenant("acme", streams=20)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("away", [False, True])
def test_keeps_the_contract_with_and_without_its_table(check: Check, away: bool) -> None:
    async def scenario() -> None:
        clock, _, ada, _ = two_gateways()
        ada.remote.away = away
        await ada.quotas.beat()
        assert ada.up != away
        await check(Contract(ada.quotas, clock, ada.quotas.beat))

    run(scenario())


def test_gateways_count_together() -> None:
    async def scenario() -> None:
        _, model, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
        first, second, third = [await gateway.enter(TWO_STREAMS) for gateway in (ada, bob, ada)]
        assert [guest.told for guest in (first, second, third)] == [[True], [True], ["stream_quota"]]
        assert model.inside("acme") == {"ada": 1, "bob": 1}
        bob.quotas.leave(TWO_STREAMS, second)
        await bob.quotas.settle()
        assert (await ada.enter(TWO_STREAMS)).told == [True]

    run(scenario())


def test_many_at_once_are_one_question_and_the_first_of_them_get_in() -> None:
    async def scenario() -> None:
        _, _, ada, _ = two_gateways()
        await ada.quotas.beat()
        guests = [Guest() for _ in range(30)]
        assert not any(ada.quotas.enter(TWENTY, guest) for guest in guests)
        ada.quotas.leave(TWENTY, guests[0])
        await ada.quotas.settle()
        assert len(ada.remote.asked) == 2
        told = [guest.told for guest in guests]
        assert told == [[], *[[True]] * 20, *[["stream_quota"]] * 9]

    run(scenario())


def test_what_is_known_of_the_others_counts_at_the_upgrade() -> None:
    async def scenario() -> None:
        _, _, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
            gateway.quotas.check(TWO_STREAMS)
        for _ in range(2):
            await ada.enter(TWO_STREAMS)
        bob.quotas.check(TWO_STREAMS)
        await bob.quotas.beat()
        with pytest.raises(StreamQuota):
            bob.quotas.check(TWO_STREAMS)

    run(scenario())


def test_audio_of_one_gateway_is_missing_at_the_other() -> None:
    async def scenario() -> None:
        clock, _, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
            await gateway.enter(MINUTE)
        ada.quotas.hear(MINUTE, 58 * SAMPLE_RATE)
        await ada.quotas.settle()
        await bob.quotas.beat()
        with pytest.raises(AudioQuota) as refused:
            bob.quotas.hear(MINUTE, 3 * SAMPLE_RATE)
        assert refused.value.retry_after_s == 3
        assert (await bob.enter(MINUTE)).told == ["audio_quota"]
        clock.advance(3)
        assert (await bob.enter(MINUTE)).told == [True]

    run(scenario())


def test_a_place_that_nobody_took_is_given_back() -> None:
    async def scenario() -> None:
        _, model, ada, _ = two_gateways()
        await ada.quotas.beat()
        both = Tenant("acme", streams=2, audio_seconds_per_minute=60)
        ada.quotas.hear(both, 60 * SAMPLE_RATE)
        assert (await ada.enter(both)).told == ["audio_quota"]
        assert model.inside("acme") == {"ada": 1}
        await ada.quotas.settle()
        assert model.inside("acme") == {"ada": 0}

    run(scenario())


def test_the_table_hears_of_no_tenant_without_a_quota() -> None:
    async def scenario() -> None:
        _, _, ada, _ = two_gateways()
        await ada.quotas.beat()
        free, guest = Tenant("free"), Guest()
        assert ada.quotas.enter(free, guest)
        ada.quotas.hear(free, SAMPLE_RATE)
        ada.quotas.leave(free, guest)
        await ada.quotas.settle()
        await ada.quotas.beat()
        assert ada.remote.asked == [[], []]

    run(scenario())


def test_many_tenants_are_told_in_several_calls() -> None:
    async def scenario() -> None:
        _, model, ada, _ = two_gateways()
        await ada.quotas.beat()
        tenants = [Tenant(f"t{number}", streams=1) for number in range(TENANTS_AT_ONCE + 1)]
        for tenant in tenants:
            ada.quotas.enter(tenant, Guest())
        await ada.quotas.settle()
        assert [len(asked) for asked in ada.remote.asked] == [0, TENANTS_AT_ONCE, 1]
        assert all(model.inside(tenant.id) == {"ada": 1} for tenant in tenants)

    run(scenario())


def test_a_tenant_that_nobody_uses_is_forgotten() -> None:
    async def scenario() -> None:
        clock, _, ada, _ = two_gateways()
        ada.quotas.check(TWENTY)
        await ada.quotas.beat()
        clock.advance(IDLE_S + 1)
        for _ in range(2):
            await ada.quotas.beat()
        assert [len(asked) for asked in ada.remote.asked] == [1, 0, 0]

    run(scenario())


def test_one_session_that_fails_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        _, _, ada, _ = two_gateways()
        await ada.quotas.beat()
        guests = [Guest(raises=number == 0) for number in range(2)]
        for guest in guests:
            ada.quotas.enter(TWO_STREAMS, guest)
        await ada.quotas.settle()
        assert [guest.told for guest in guests] == [[True, "broken"], [True]]

    caplog.set_level(logging.ERROR)
    run(scenario())
    assert [record.message for record in caplog.records] == ["session failed"]


def test_runs_until_cancelled_and_gives_back_what_ended_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        _, model, ada, _ = two_gateways()
        running = asyncio.create_task(ada.quotas.run())
        await until(lambda: ada.up)
        guest = Guest()
        assert not ada.quotas.enter(TWO_STREAMS, guest)
        await until(lambda: guest.told == [True])
        running.cancel()
        ada.quotas.leave(TWO_STREAMS, guest)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (model.inside("acme"), ada.remote.closed) == ({"ada": 0}, True)

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 3_600.0)
    run(scenario())


def test_gateways_have_metrics_of_their_own() -> None:
    _, model, ada, _ = two_gateways()
    assert not ada.up and not Gateway(model, "cleo").up


def test_a_tenant_that_is_forgotten_before_the_table_hears_of_it_stops_nobody() -> None:
    async def scenario() -> None:
        clock, _, ada, _ = two_gateways()
        await ada.quotas.beat()
        guest = await ada.enter(TWO_STREAMS)
        ada.quotas.leave(TWO_STREAMS, guest)
        # The process stood still.
        clock.advance(IDLE_S + 1)
        await ada.quotas.beat()
        await ada.quotas.settle()
        assert (await ada.enter(TWO_STREAMS)).told == [True]

    run(scenario())
