"""What is said of the decodes that the engine has, and with whom a suspect shares it."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.support.aio import run, turns
from tests.support.scheduler_rig import Owner, Rig
from worker.engines.base import EngineDead, EngineError
from worker.pipeline.effects import Decode, DecodeKind

PARTIAL: Final = DecodeKind.PARTIAL
FINAL: Final = DecodeKind.FINAL


def decode(kind: DecodeKind, end: int, segment: int = 0) -> Decode:
    return Decode(kind, segment, 0, end)


def test_a_decode_is_said_a_turn_before_the_engine_has_it() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(FINAL, 1, segment=3))
            while not owner.said:
                await turns(1)
            assert (owner.said, rig.engine.taken) == ([(3,)], [])
            await turns(1)
            assert rig.engine.taken == []
            await turns(1)
            assert rig.lengths == [1]
            rig.engine.answer("one")
            await turns()
        assert owner.said == [(3,), ()]

    run(scenario())


def test_one_that_failed_is_not_in_decode_any_more() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(FINAL, 1))
            await turns()
            rig.engine.fail(EngineError("no"))
            await turns()
        assert owner.said == [(0,), ()]

    run(scenario())


def test_neither_is_one_that_was_aborted() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=2, can_abort=True), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            rig.scheduler.submit(owner, decode(FINAL, 2, segment=1))
            await turns()
            rig.scheduler.withdraw(owner, PARTIAL, 0)
            rig.scheduler.remove(owner)
            # The final was begun first.
            assert owner.said == [(1,), (0, 1), (1,), ()]

    run(scenario())


def test_of_an_engine_that_dies_nothing_more_is_said() -> None:
    async def scenario() -> None:
        rig, culprit, mate = Rig(max_in_flight=2, can_abort=True), Owner(), Owner()
        serving = asyncio.create_task(rig.scheduler.run())
        for owner in (culprit, mate):
            rig.scheduler.submit(owner, decode(FINAL, 1))
        await turns()
        rig.engine.fail(EngineDead("gone"))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await serving
        assert culprit.said == mate.said == [(0,)]

    run(scenario())


def test_two_suspects_are_never_decoded_together_but_beside_others() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=4)
        async with rig.serving():
            for end, suspects in ((1, (0,)), (2, (0,)), (3, ()), (4, (0,))):
                rig.scheduler.submit(Owner(suspects=suspects), decode(FINAL, end))
            await turns()
            assert rig.lengths == [1, 3]
            rig.scheduler.submit(Owner(), decode(FINAL, 5))
            await turns()
            assert rig.lengths == [1, 3, 5]
            rig.engine.answer("one")
            await turns()
            assert rig.lengths == [1, 3, 5, 2]

    run(scenario())


def test_only_the_segments_that_are_suspect_wait_for_each_other() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=4), Owner(suspects=(0,))
        async with rig.serving():
            rig.scheduler.submit(Owner(suspects=(3, 4)), decode(FINAL, 1, segment=4))
            rig.scheduler.submit(owner, decode(FINAL, 2))
            rig.scheduler.submit(owner, decode(PARTIAL, 3, segment=1))
            await turns()
            assert rig.lengths == [1, 3]

    run(scenario())


def test_one_that_is_cleared_is_decoded_with_all_others() -> None:
    async def scenario() -> None:
        rig, cleared = Rig(max_in_flight=4), Owner(suspects=(0,))
        async with rig.serving():
            rig.scheduler.submit(Owner(suspects=(0,)), decode(FINAL, 1))
            cleared.in_decode.suspects = ()
            rig.scheduler.submit(cleared, decode(FINAL, 2))
            await turns()
            assert rig.lengths == [1, 2]

    run(scenario())


def test_one_that_fails_lets_the_next_one_in() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=4)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(suspects=(0,)), decode(FINAL, end))
            await turns()
            rig.engine.fail(EngineError("no"))
            await turns()
            assert rig.lengths == [1, 2]

    run(scenario())


def test_one_that_has_ended_before_its_turn_holds_nobody_up() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=4)
        async with rig.serving():
            rig.scheduler.submit(Owner(suspects=(0,), ended=True), decode(FINAL, 1))
            rig.scheduler.submit(Owner(suspects=(0,)), decode(FINAL, 2))
            await turns()
            assert rig.lengths == [2]

    run(scenario())
