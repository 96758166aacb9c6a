"""Partials that come together share a batch where the engine wants it; who is in a hurry ends the wait."""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.aio import run, turns, until
from tests.support.scheduler_rig import Owner, Rig
from worker.engines.base import Gather
from worker.pipeline.effects import Decode, DecodeKind

PARTIAL: Final = DecodeKind.PARTIAL
SPECULATIVE: Final = DecodeKind.SPECULATIVE
FINAL: Final = DecodeKind.FINAL
LONG: Final = Gather(60.0, 60.0, enough=4)
SHORT: Final = Gather(0.01, 0.01, enough=4)


def decode(kind: DecodeKind, end: int, segment: int = 0) -> Decode:
    return Decode(kind, segment, 0, end)


@pytest.mark.parametrize("kind", [PARTIAL, SPECULATIVE])
def test_what_nobody_waits_for_comes_together_where_the_engine_wants_it(kind: DecodeKind) -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=LONG)
        async with rig.serving():
            rig.scheduler.submit(Owner(), decode(PARTIAL, 1))
            await turns()
            assert rig.lengths == [1]
            rig.clock.advance(59.0)
            for end in (2, 3):
                rig.scheduler.submit(Owner(), decode(kind, end))
                await turns()
            assert rig.lengths == [1]
            rig.clock.advance(2.0)
            rig.scheduler.submit(Owner(), decode(FINAL, 4))
            await turns()
            assert rig.lengths == [1, 4, 2, 3]

    run(scenario())


def test_what_comes_later_than_that_does_not_wait() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=LONG)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
                assert rig.lengths[-1] == end
                rig.clock.advance(60.0)

    run(scenario())


def test_a_final_does_not_wait_and_takes_none_of_the_others_along() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=LONG)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            rig.clock.advance(30.0)
            rig.scheduler.submit(Owner(), decode(FINAL, 3))
            await turns()
            assert rig.lengths == [1, 3]
            # Nor does it put them off.
            rig.clock.advance(30.0)
            rig.scheduler.submit(Owner(), decode(FINAL, 4))
            await turns()
            assert rig.lengths == [1, 3, 4, 2]

    run(scenario())


def test_a_decode_ahead_that_became_the_final_waits_no_longer() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=LONG)
        speaker = Owner()
        async with rig.serving():
            rig.scheduler.submit(Owner(), decode(PARTIAL, 1))
            await turns()
            rig.scheduler.submit(speaker, decode(SPECULATIVE, 2))
            await turns()
            assert rig.lengths == [1]
            rig.scheduler.promote(speaker, 0)
            await turns()
            assert rig.lengths == [1, 2]
            assert rig.engine.taken[1].kind is FINAL

    run(scenario())


def test_others_have_their_turn_after_a_final_without_another_word_from_anybody() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=SHORT)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            rig.scheduler.submit(Owner(), decode(FINAL, 3))
            await turns()
            assert rig.lengths == [1, 3]
            rig.clock.advance(0.01)
            await until(lambda: rig.lengths == [1, 3, 2])

    run(scenario())


def test_the_wait_of_partials_is_over_by_itself() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=SHORT)
        async with rig.serving():
            for end in (1, 2):
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1]
            rig.clock.advance(0.01)
            await until(lambda: rig.lengths == [1, 2])

    run(scenario())


def test_enough_of_them_wait_for_no_more() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=LONG)
        async with rig.serving():
            for end in range(1, 6):
                assert rig.lengths == [1][: end - 1]
                rig.scheduler.submit(Owner(), decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1, 2, 3, 4, 5]

    run(scenario())


def test_the_longer_an_answer_takes_the_longer_they_come_together() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8, gather=Gather(1.0, 100.0, enough=8))
        async with rig.serving():
            for _ in range(200):
                rig.scheduler.submit(Owner(), decode(PARTIAL, 1))
                await turns()
                rig.clock.advance(100.0)
                rig.engine.answer("so far")
                await turns()
            rig.scheduler.submit(Owner(), decode(PARTIAL, 2))
            await turns()
            rig.scheduler.submit(Owner(), decode(PARTIAL, 3))
            await turns()
            assert rig.lengths[-1] == 2
            rig.clock.advance(99.0)
            rig.scheduler.submit(Owner(), decode(FINAL, 4))
            await turns()
            assert rig.lengths[-1] == 4

    run(scenario())
