"""Partials that come together share a batch where the engine wants it; who is in a hurry ends the wait."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.support.aio import run, turns
from tests.support.scheduler_rig import Owner, Rig
from worker.pipeline.effects import Decode, DecodeKind

PARTIAL: Final = DecodeKind.PARTIAL
SPECULATIVE: Final = DecodeKind.SPECULATIVE
FINAL: Final = DecodeKind.FINAL


def decode(kind: DecodeKind, end: int, segment: int = 0) -> Decode:
    return Decode(kind, segment, 0, end)


def test_partials_wait_behind_what_was_begun_before_where_the_engine_wants_it() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather_s=60.0)
        async with rig.serving():
            rig.scheduler.submit(Owner(), decode(PARTIAL, 1))
            await turns()
            assert rig.lengths == [1]
            rig.clock.advance(59.0)
            for end in (2, 3):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1]
            rig.clock.advance(2.0)
            rig.scheduler.submit(Owner(), decode(SPECULATIVE, 4))
            await turns()
            assert rig.lengths == [1, 4, 2, 3]

    run(scenario())


def test_partials_that_come_later_than_that_do_not_wait() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather_s=60.0)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
                assert rig.lengths[-1] == end
                rig.clock.advance(60.0)

    run(scenario())


@pytest.mark.parametrize("kind", [FINAL, SPECULATIVE])
def test_a_request_that_cannot_wait_ends_the_wait_of_the_partials(kind: DecodeKind) -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather_s=60.0)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1]
            rig.scheduler.submit(Owner(), decode(kind, 3))
            await turns()
            assert rig.lengths == [1, 3, 2]

    run(scenario())


def test_the_wait_of_partials_is_over_by_itself() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather_s=0.01)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1]
            rig.clock.advance(0.01)
            await asyncio.sleep(0.05)
            assert rig.lengths == [1, 2]

    run(scenario())
