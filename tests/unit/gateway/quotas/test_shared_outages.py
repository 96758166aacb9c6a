"""The table goes away, is emptied, loses answers; gateways die."""

from __future__ import annotations

import pytest

from common.audio import SAMPLE_RATE
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant
from gateway.registry.base import EXPIRY_S
from tests.support.aio import run
from tests.support.quota_contract import MINUTE, TWO_STREAMS
from tests.support.use_tables import Guest, two_gateways


def test_who_waits_when_the_table_goes_away_is_counted_here() -> None:
    async def scenario() -> None:
        _, _, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
        await bob.enter(TWO_STREAMS)
        ada.remote.away = True
        guests = [Guest() for _ in range(3)]
        for guest in guests:
            ada.quotas.enter(TWO_STREAMS, guest)
        await ada.quotas.settle()
        assert [guest.told for guest in guests] == [[True], [True], ["stream_quota"]]
        assert not ada.up
        # Nobody waits any more, and nobody is asked but by the heartbeat.
        with pytest.raises(StreamQuota):
            ada.quotas.enter(TWO_STREAMS, Guest())
        ada.quotas.leave(TWO_STREAMS, guests[0])
        await ada.quotas.settle()
        assert ada.quotas.enter(TWO_STREAMS, Guest())
        assert len(ada.remote.asked) == 2

    run(scenario())


def test_what_began_without_the_table_stays_and_counts_when_it_is_back() -> None:
    async def scenario() -> None:
        _, model, ada, bob = two_gateways()
        inside = []
        for gateway in (ada, bob):
            gateway.remote.away = True
            await gateway.quotas.beat()
            inside += [(gateway, await gateway.enter(TWO_STREAMS)) for _ in range(2)]
        for gateway in (ada, bob):
            gateway.remote.away = False
            await gateway.quotas.beat()
        assert model.inside("acme") == {"ada": 2, "bob": 2}
        for left, (gateway, guest) in enumerate(inside[:3], 1):
            assert guest.told == [True]
            assert (await bob.enter(TWO_STREAMS)).told == ["stream_quota"]
            gateway.quotas.leave(TWO_STREAMS, guest)
            await gateway.quotas.settle()
            assert sum(model.inside("acme").values()) == 4 - left
        assert (await bob.enter(TWO_STREAMS)).told == [True]

    run(scenario())


def test_an_emptied_table_is_filled_by_heartbeats() -> None:
    async def scenario() -> None:
        _, model, ada, bob = two_gateways()
        both = Tenant("acme", streams=2, audio_seconds_per_minute=60)
        for gateway in (ada, bob):
            await gateway.quotas.beat()
            await gateway.enter(both)
        ada.quotas.hear(both, 50 * SAMPLE_RATE)
        model.clear()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
        assert model.inside("acme") == {"ada": 1, "bob": 1}
        with pytest.raises(AudioQuota):
            bob.quotas.hear(both, 11 * SAMPLE_RATE)

    run(scenario())


def test_audio_heard_without_the_table_is_not_cut_off_when_it_is_back() -> None:
    async def scenario() -> None:
        clock, _, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
            await gateway.enter(MINUTE)
            gateway.remote.away = True
            await gateway.quotas.beat()
        # In real time, for ten minutes: each is within its own quota, both together are not.
        for _ in range(600):
            clock.advance(1)
            for gateway in (ada, bob):
                gateway.quotas.hear(MINUTE, SAMPLE_RATE)
        for gateway in (ada, bob):
            gateway.remote.away = False
            await gateway.quotas.beat()
            gateway.quotas.hear(MINUTE, 29 * SAMPLE_RATE)
            await gateway.quotas.beat()
        await ada.quotas.beat()
        with pytest.raises(AudioQuota):
            ada.quotas.hear(MINUTE, 2 * SAMPLE_RATE)

    run(scenario())


def test_a_lost_answer_costs_nobody_a_place_for_long() -> None:
    async def scenario() -> None:
        _, model, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
        ada.remote.deaf = True
        guest = await ada.enter(TWO_STREAMS)
        ada.quotas.leave(TWO_STREAMS, guest)
        assert model.inside("acme") == {"ada": 1}
        ada.remote.deaf = False
        await ada.quotas.beat()
        assert model.inside("acme") == {"ada": 0}

    run(scenario())


def test_places_of_a_gateway_that_has_died_are_free_when_they_run_out() -> None:
    async def scenario() -> None:
        clock, model, ada, bob = two_gateways()
        for gateway in (ada, bob):
            await gateway.quotas.beat()
        for _ in range(2):
            await ada.enter(TWO_STREAMS)
        clock.advance(EXPIRY_S - 0.1)
        assert (await bob.enter(TWO_STREAMS)).told == ["stream_quota"]
        clock.advance(0.1)
        assert (await bob.enter(TWO_STREAMS)).told == [True]
        assert model.inside("acme") == {"bob": 1}

    run(scenario())
