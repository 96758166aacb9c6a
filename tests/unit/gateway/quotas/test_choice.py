from __future__ import annotations

import pytest

from gateway.access.tenants import Tenant
from gateway.boot import BootFailed
from gateway.metrics import GatewayMetrics
from gateway.quotas.choice import make_quotas
from gateway.quotas.memory import MemoryQuotas
from gateway.quotas.shared import SharedQuotas
from tests.support.clock import ManualClock
from tests.support.use_tables import Guest


def test_without_an_address_they_count_here() -> None:
    metrics = GatewayMetrics("0")
    assert isinstance(make_quotas(None, ManualClock(), metrics), MemoryQuotas)
    assert metrics.registry.get_sample_value("asr_quotas_shared", {"gateway": "0"}) == 0


def test_with_one_they_are_shared_and_sessions_begin_before_it_has_answered() -> None:
    quotas = make_quotas("redis://127.0.0.1:1", ManualClock(), GatewayMetrics("0"))
    assert isinstance(quotas, SharedQuotas)
    assert quotas.enter(Tenant("acme", streams=1), Guest())


def test_an_address_with_unknown_options_keeps_the_gateway_from_starting() -> None:
    with pytest.raises(BootFailed, match="redis_url"):
        make_quotas("redis://:secret@localhost?colour=red", ManualClock(), GatewayMetrics("0"))
