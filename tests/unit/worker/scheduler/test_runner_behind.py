"""Files that are sent as fast as they are heard always have finals that wait: what is left for the others."""

from __future__ import annotations

from typing import Final

from tests.support.aio import run, turns
from tests.support.scheduler_rig import Owner, Rig
from worker.pipeline.effects import Decode, DecodeKind

PARTIAL: Final = DecodeKind.PARTIAL
FINAL: Final = DecodeKind.FINAL


def of_files(rig: Rig, *lengths: int) -> None:
    """A final of a file of its own for each of these lengths."""
    for length in lengths:
        rig.scheduler.submit(Owner(f"file-{length}", catching_up=True), Decode(FINAL, 0, 0, length))


def test_a_partial_has_its_turn_before_the_finals_of_those_that_are_behind() -> None:
    async def scenario() -> None:
        rig, live = Rig(max_in_flight=4), Owner()
        async with rig.serving():
            of_files(rig, 10, 11, 12, 13)
            rig.scheduler.submit(live, Decode(PARTIAL, 0, 0, 1))
            await turns()
            # Half of the engine for the files, one for the partial, and what nobody else wants for a file.
            assert rig.lengths == [10, 11, 1, 12]
            for final in ("ten", "eleven"):
                rig.engine.answer(final)
            rig.scheduler.submit(live, Decode(PARTIAL, 1, 0, 2))
            await turns()
            assert rig.lengths == [10, 11, 1, 12, 13, 2]

    run(scenario())


def test_a_final_of_a_live_session_waits_for_no_more_than_half_of_the_engine() -> None:
    async def scenario() -> None:
        rig, live = Rig(max_in_flight=2), Owner()
        async with rig.serving():
            of_files(rig, 10, 11, 12)
            rig.scheduler.submit(live, Decode(FINAL, 0, 0, 1))
            await turns()
            assert rig.lengths == [10, 1]

    run(scenario())


def test_those_that_are_behind_have_all_of_an_engine_that_nobody_else_wants() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=4)
        async with rig.serving():
            of_files(rig, 10, 11, 12, 13)
            await turns()
            assert rig.lengths == [10, 11, 12, 13]

    run(scenario())


def test_an_engine_that_does_one_thing_at_a_time_serves_the_oldest_final() -> None:
    async def scenario() -> None:
        rig, live = Rig(max_in_flight=1), Owner()
        async with rig.serving():
            of_files(rig, 10, 11)
            rig.scheduler.submit(live, Decode(FINAL, 0, 0, 1))
            await turns()
            for text in ("ten", "eleven"):
                rig.engine.answer(text)
                await turns()
            assert rig.lengths == [10, 11, 1]

    run(scenario())
