from __future__ import annotations

import asyncio

import pytest

from gateway.boot import BootFailed
from gateway.metrics import GatewayMetrics
from gateway.registry.choice import GatewayRegistry, make_registry, unique_owner
from gateway.registry.memory import MemoryPins
from gateway.registry.memory_records import MemoryRecords
from gateway.registry.shared import SharedPins
from gateway.registry.shared_records import SharedRecords
from tests.support.aio import run, turns
from tests.support.clock import ManualClock
from tests.support.pin_tables import Holder


def made(url: str | None, metrics: GatewayMetrics) -> GatewayRegistry:
    return make_registry(url, "seed", ManualClock(), metrics)


def test_without_an_address_all_is_kept_here() -> None:
    metrics = GatewayMetrics("0")
    registry = made(None, metrics)
    assert isinstance(registry.sessions.pins, MemoryPins)
    assert isinstance(registry.sessions.records, MemoryRecords)
    assert (registry.seed.current(), registry.seed_table, registry.seed.is_agreed) == ("seed", None, True)
    assert metrics.registry.get_sample_value("asr_registry_up", {"gateway": "0"}) == 1


def test_with_one_it_is_shared_and_sessions_begin_before_it_has_answered() -> None:
    metrics = GatewayMetrics("0")
    registry = made("redis://127.0.0.1:1", metrics)
    assert isinstance(registry.sessions.pins, SharedPins)
    assert isinstance(registry.sessions.records, SharedRecords)
    assert registry.sessions.pins.claim("call", 0, Holder())
    assert not registry.seed.is_agreed
    assert metrics.registry.get_sample_value("asr_registry_up", {"gateway": "0"}) == 0


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:1"])
def test_it_is_kept_until_that_is_cancelled(url: str | None) -> None:
    async def scenario() -> None:
        keeping = asyncio.create_task(made(url, GatewayMetrics("0")).run())
        await turns()
        assert not keeping.done()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario())


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:1"])
def test_it_is_asked_soon_whatever_it_answers(url: str | None) -> None:
    async def scenario() -> None:
        registry = made(url, GatewayMetrics("0"))
        keeping = asyncio.create_task(registry.run())
        await registry.asked()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario())


def test_an_address_with_unknown_options_keeps_the_gateway_from_starting() -> None:
    with pytest.raises(BootFailed, match="redis_url") as failed:
        made("redis://:secret@localhost?colour=red", GatewayMetrics("0"))
    assert "secret" not in str(failed.value)


def test_no_two_owners_are_the_same() -> None:
    assert unique_owner() != unique_owner()
