"""The directory in memory keeps the contract of the one in Redis."""

from __future__ import annotations

import pytest

from common.registry.base import EXPIRY_S
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.directories import MemoryBoard, MemoryDirectory
from tests.support.directory_contract import CHECKS, Check, Contract


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(check: Check) -> None:
    clock = ManualClock()
    board = MemoryBoard(clock)

    async def expire() -> None:
        clock.advance(EXPIRY_S)

    async def clear() -> None:
        board.clear()

    run(check(Contract(lambda: MemoryDirectory(board), expire, clear)))
