"""What the scheduler does with an engine that works on many requests at once and can drop one."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise
from typing import Final

import pytest

from tests.support.aio import run, turns
from tests.support.held_engine import HeldEngine
from tests.support.scheduler_rig import Owner, Rig
from worker.engines.base import EngineError
from worker.pipeline.effects import Decode, DecodeKind

PARTIAL: Final = DecodeKind.PARTIAL
SPECULATIVE: Final = DecodeKind.SPECULATIVE
FINAL: Final = DecodeKind.FINAL


def decode(kind: DecodeKind, end: int, segment: int = 0) -> Decode:
    return Decode(kind, segment, 0, end)


def test_the_newest_partial_waits_for_the_one_of_its_session_that_is_decoded() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=8), Owner()
        async with rig.serving():
            for end in (1, 2, 3):
                rig.scheduler.submit(owner, decode(PARTIAL, end))
                await turns()
            assert rig.lengths == [1]
            rig.engine.answer("one")
            await turns()
            assert rig.lengths == [1, 3]
        assert rig.metric("asr_decodes_superseded_total", kind="partial") == 1

    run(scenario())


def test_a_partial_that_must_wait_holds_up_nobody_else() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=8), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.submit(owner, decode(PARTIAL, 2))
            rig.scheduler.submit(owner, decode(PARTIAL, 3, segment=1))
            rig.scheduler.submit(owner, decode(SPECULATIVE, 4))
            rig.scheduler.submit(Owner(), decode(PARTIAL, 5))
            await turns()
            assert sorted(rig.lengths) == [1, 3, 4, 5]

    run(scenario())


def test_two_versions_queued_before_anything_is_served_are_one() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=8), Owner()
        rig.scheduler.submit(owner, decode(PARTIAL, 1))
        rig.scheduler.submit(owner, decode(PARTIAL, 2))
        async with rig.serving():
            await turns()
            assert rig.lengths == [2]

    run(scenario())


@pytest.mark.parametrize("kind", DecodeKind)
def test_what_is_withdrawn_is_aborted_by_an_engine_that_can(kind: DecodeKind) -> None:
    async def scenario() -> None:
        rig, owner, other = Rig(max_in_flight=2, can_abort=True), Owner(), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(kind, 1))
            await turns()
            rig.scheduler.submit(other, decode(kind, 2))
            await turns()
            rig.scheduler.withdraw(owner, kind, 0)
            await turns()
            assert rig.engine.given_up == 1
        assert not owner.texts
        assert not owner.failed

    run(scenario())


def test_an_engine_that_cannot_abort_goes_on_and_its_text_is_told() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.withdraw(owner, PARTIAL, 0)
            rig.scheduler.remove(owner)
            await turns()
            assert rig.engine.given_up == 0
            rig.engine.answer("late")
            await turns()
        assert owner.texts == [(PARTIAL, "late")]

    run(scenario())


def test_a_session_that_leaves_gives_up_all_its_decodes_and_no_others() -> None:
    async def scenario() -> None:
        rig, leaves, stays = Rig(max_in_flight=8, can_abort=True), Owner(), Owner()
        async with rig.serving():
            for owner in (leaves, stays):
                rig.scheduler.submit(owner, decode(PARTIAL, 1))
                rig.scheduler.submit(owner, decode(FINAL, 2, segment=1))
            await turns()
            assert rig.engine.in_flight == 4
            rig.scheduler.remove(leaves)
            await turns()
            assert rig.engine.given_up == 2

    run(scenario())


def test_an_abort_makes_room_and_lets_the_next_version_in() -> None:
    async def scenario() -> None:
        rig, owner = Rig(can_abort=True), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.withdraw(owner, PARTIAL, 0)
            rig.scheduler.submit(owner, decode(PARTIAL, 2))
            await turns()
            assert rig.lengths == [1, 2]
        assert rig.engine.given_up == 2

    run(scenario())


def test_aborted_decodes_are_no_failures_of_the_engine() -> None:
    async def scenario() -> None:
        rig = Rig(can_abort=True)
        async with rig.serving():
            for _ in range(10):
                owner = Owner()
                rig.scheduler.submit(owner, decode(FINAL, 1))
                await turns()
                rig.scheduler.remove(owner)
                await turns()
            rig.scheduler.submit(survivor := Owner(), decode(FINAL, 2))
            await turns()
            assert rig.lengths[-1] == 2
        assert survivor.failed == []

    run(scenario())


def test_withdrawing_what_is_not_there_changes_nothing() -> None:
    async def scenario() -> None:
        rig, owner = Rig(can_abort=True), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.withdraw(owner, SPECULATIVE, 0)
            rig.scheduler.withdraw(owner, PARTIAL, 1)
            rig.scheduler.withdraw(Owner(), PARTIAL, 0)
            await turns()
            assert rig.engine.given_up == 0

    run(scenario())


def test_no_more_are_begun_at_once_than_the_engine_says_it_has_room_for() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=8)
        rig.engine.room_left = 2
        for _ in range(5):
            rig.scheduler.submit(Owner(), decode(PARTIAL, 1))
        begun = BegunAtOnce(rig.engine)
        async with rig.serving():
            await turns()
        assert begun.sizes == [2, 2, 1]

    run(scenario())


def test_the_best_are_chosen_only_when_there_is_room() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=1), Owner()
        async with rig.serving():
            rig.scheduler.submit(Owner(), decode(FINAL, 1))
            await turns()
            rig.scheduler.submit(owner, decode(PARTIAL, 2))
            await turns()
            rig.scheduler.submit(Owner(), decode(FINAL, 3))
            rig.scheduler.submit(owner, decode(PARTIAL, 4))
            for _ in range(2):
                rig.engine.answer("done")
                await turns()
            assert rig.lengths == [1, 3, 4]

    run(scenario())


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_full_engine_is_not_asked_again_and_again(waiting: int) -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=2)
        begun = BegunAtOnce(rig.engine)
        async with rig.serving():
            for _ in range(2 + waiting):
                rig.scheduler.submit(Owner(), decode(FINAL, 1))
            await turns()
            asked = begun.asked
            await turns(100)
            assert begun.asked == asked
            rig.engine.answer("done")
            await turns()
            assert rig.engine.in_flight == min(2, 1 + waiting)

    run(scenario())


def test_a_version_that_waits_for_its_predecessor_is_not_looked_for_again_and_again() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=8), Owner()
        begun = BegunAtOnce(rig.engine)
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.submit(owner, decode(PARTIAL, 2))
            await turns()
            asked = begun.asked
            await turns(100)
            assert begun.asked == asked

    run(scenario())


def test_failed_decodes_let_the_next_version_in() -> None:
    async def scenario() -> None:
        rig, owner = Rig(max_in_flight=8), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.submit(owner, decode(PARTIAL, 2))
            rig.engine.fail(EngineError("this window"))
            await turns()
            assert rig.lengths == [1, 2]

    run(scenario())


class BegunAtOnce:
    """How often the engine is asked for room, and how many requests come each time."""

    def __init__(self, engine: HeldEngine) -> None:
        self._engine = engine
        self._marks: list[int] = []
        self._room = engine.room
        engine.room = self._ask  # type: ignore[method-assign]

    async def _ask(self) -> int:
        self._marks.append(len(self._engine.taken))
        return await self._room()

    @property
    def asked(self) -> int:
        return len(self._marks)

    @property
    def sizes(self) -> list[int]:
        """Of the rounds in which any came."""
        marks = [*self._marks, len(self._engine.taken)]
        return [after - before for before, after in pairwise(marks) if after > before]


def test_a_session_whose_decode_was_given_up_is_free_without_the_garbage_collector() -> None:
    async def scenario() -> None:
        rig, owner = Rig(can_abort=True), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, decode(PARTIAL, 1))
            await turns()
            rig.scheduler.remove(owner)
            await turns()
            left = weakref.ref(owner)
            del owner
            assert (rig.engine.given_up, left()) == (1, None)

    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()
