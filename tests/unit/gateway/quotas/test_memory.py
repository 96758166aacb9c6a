from __future__ import annotations

import pytest

from gateway.quotas.memory import MemoryQuotas
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.quota_contract import CHECKS, TWO_STREAMS, Check, Contract
from tests.support.use_tables import Guest


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(check: Check) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        quotas = MemoryQuotas(clock)
        await check(Contract(quotas, clock, quotas.run))

    run(scenario())


def test_nobody_waits() -> None:
    quotas, guest = MemoryQuotas(ManualClock()), Guest()
    assert quotas.enter(TWO_STREAMS, guest)
    assert guest.told == []
