from __future__ import annotations

import pytest

from gateway.boot import BootFailed
from gateway.metrics import GatewayMetrics
from gateway.registry.choice import make_pins, unique_owner
from gateway.registry.memory import MemoryPins
from gateway.registry.shared import SharedPins
from tests.support.clock import ManualClock
from tests.support.pin_tables import Holder


def test_without_an_address_pins_are_kept_here() -> None:
    metrics = GatewayMetrics("0")
    assert isinstance(make_pins(None, ManualClock(), metrics), MemoryPins)
    assert metrics.registry.get_sample_value("asr_registry_up", {"gateway": "0"}) == 1


def test_with_one_they_are_shared_and_sessions_begin_before_it_has_answered() -> None:
    metrics = GatewayMetrics("0")
    pins = make_pins("redis://127.0.0.1:1", ManualClock(), metrics)
    assert isinstance(pins, SharedPins)
    assert pins.claim("call", 0, Holder())
    assert metrics.registry.get_sample_value("asr_registry_up", {"gateway": "0"}) == 0


def test_an_address_with_unknown_options_keeps_the_gateway_from_starting() -> None:
    with pytest.raises(BootFailed, match="redis_url") as failed:
        make_pins("redis://:secret@localhost?colour=red", ManualClock(), GatewayMetrics("0"))
    assert "secret" not in str(failed.value)


def test_no_two_owners_are_the_same() -> None:
    assert unique_owner() != unique_owner()
