from __future__ import annotations

import asyncio
import logging
from typing import Final

import pytest

from tests.support.aio import run, turns
from tests.support.scheduler_rig import Owner, Rig
from worker.engines.base import EngineDead, EngineError
from worker.failures import MAX_FAILURES_IN_A_ROW
from worker.pipeline.effects import Decode, DecodeKind

FINAL: Final = Decode(DecodeKind.FINAL, 0, 0, 30)
SPECULATIVE: Final = Decode(DecodeKind.SPECULATIVE, 0, 0, 20)
PARTIAL: Final = Decode(DecodeKind.PARTIAL, 0, 0, 10)


def test_text_comes_back_to_the_session_that_asked() -> None:
    async def scenario() -> None:
        rig, one, other = Rig(), Owner(), Owner()
        async with rig.serving():
            for owner, decode, text in ((one, FINAL, "first"), (other, PARTIAL, "second")):
                rig.scheduler.submit(owner, decode)
                await turns()
                rig.engine.answer(text)
                await turns()
        assert (one.texts, other.texts) == ([(DecodeKind.FINAL, "first")], [(DecodeKind.PARTIAL, "second")])
        assert rig.scheduler.decodes == 2

    run(scenario())


def test_the_engine_is_never_given_more_than_it_has_room_for() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=2)
        async with rig.serving():
            for _ in range(5):
                rig.scheduler.submit(Owner(), FINAL)
            await turns()
            assert rig.engine.in_flight == 2
            rig.engine.answer("done")
            await turns()
            assert (rig.engine.in_flight, len(rig.engine.taken)) == (2, 3)

    run(scenario())


def test_what_is_superseded_while_it_waits_is_never_decoded() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(Owner(), Decode(DecodeKind.FINAL, 0, 0, 99))
            await turns()
            for end in (1, 2, 3):
                rig.scheduler.submit(owner, Decode(DecodeKind.PARTIAL, 0, 0, end))
            rig.engine.answer("busy")
            await turns()
            assert rig.lengths == [99, 3]
        assert rig.metric("asr_decodes_superseded_total", kind="partial") == 2

    run(scenario())


def test_a_final_overtakes_partials_that_came_earlier() -> None:
    async def scenario() -> None:
        rig = Rig()
        async with rig.serving():
            rig.scheduler.submit(Owner(), Decode(DecodeKind.FINAL, 0, 0, 99))
            await turns()
            for decode in (PARTIAL, SPECULATIVE, FINAL):
                rig.scheduler.submit(Owner(), decode)
            for _ in range(3):
                rig.engine.answer("busy")
                await turns()
            assert rig.lengths == [99, 30, 20, 10]

    run(scenario())


def test_a_promoted_speculation_goes_before_other_speculations() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(Owner(), FINAL)
            await turns()
            rig.scheduler.submit(Owner(), Decode(DecodeKind.SPECULATIVE, 0, 0, 55))
            rig.scheduler.submit(owner, SPECULATIVE)
            rig.scheduler.promote(owner, 0)
            for text in ("busy", "promoted"):
                rig.engine.answer(text)
                await turns()
        assert owner.texts == [(DecodeKind.FINAL, "promoted")]

    run(scenario())


def test_what_is_withdrawn_or_left_by_its_session_is_not_decoded() -> None:
    async def scenario() -> None:
        rig, stays, leaves = Rig(), Owner(), Owner()
        rig.scheduler.submit(stays, PARTIAL)
        rig.scheduler.submit(stays, FINAL)
        rig.scheduler.submit(stays, Decode(DecodeKind.PARTIAL, 1, 0, 77))
        rig.scheduler.submit(leaves, FINAL)
        rig.scheduler.withdraw(stays, DecodeKind.PARTIAL, 1)
        rig.scheduler.remove(leaves)
        async with rig.serving():
            await turns()
            rig.engine.answer("all there is")
            await turns()
            assert rig.lengths == [30]

    run(scenario())


def test_a_session_that_has_ended_takes_no_room() -> None:
    async def scenario() -> None:
        rig, live = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(Owner(ended=True), FINAL)
            rig.scheduler.submit(live, PARTIAL)
            await turns()
            assert rig.lengths == [10]
        assert rig.scheduler.decodes == 0

    run(scenario())


@pytest.mark.parametrize(
    "error", [EngineError("this window"), ValueError("not one that engines should raise")]
)
def test_a_failed_decode_ends_its_own_session_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        rig, unlucky, other = Rig(), Owner(), Owner()
        async with rig.serving():
            rig.scheduler.submit(unlucky, FINAL)
            rig.scheduler.submit(other, PARTIAL)
            await turns()
            rig.engine.fail(error)
            await turns()
            rig.engine.answer("fine")
            await turns()
        assert (unlucky.failed, unlucky.texts) == ([FINAL], [])
        assert (other.failed, other.texts) == ([], [(DecodeKind.PARTIAL, "fine")])

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert [record.message for record in caplog.records] == ["decode failed"]


def test_failures_in_a_row_mean_that_the_engine_is_dead() -> None:
    async def scenario() -> None:
        rig = Rig()
        serving = asyncio.create_task(rig.scheduler.run())
        for name in ("call-1", "call-1", "call-2"):
            rig.scheduler.submit(Owner(name), FINAL)
            await turns()
            assert not serving.done()
            rig.engine.fail(EngineError("again"))
        with pytest.RaisesGroup(pytest.RaisesExc(EngineDead, match="3 decodes in a row failed")):
            await serving

    run(scenario())


def test_failures_of_one_session_alone_are_held_against_no_engine() -> None:
    async def scenario() -> None:
        rig, unlucky = Rig(), Owner()
        async with rig.serving():
            for _ in range(2 * MAX_FAILURES_IN_A_ROW):
                rig.scheduler.submit(unlucky, FINAL)
                await turns()
                rig.engine.fail(EngineError("whatever its audio is"))
                await turns()
        assert len(unlucky.failed) == 2 * MAX_FAILURES_IN_A_ROW

    run(scenario())


def test_a_success_in_between_forgives_what_failed_before() -> None:
    async def scenario() -> None:
        rig = Rig()
        async with rig.serving():
            for round_ in range(2 * MAX_FAILURES_IN_A_ROW):
                rig.scheduler.submit(Owner(f"call-{round_}"), FINAL)
                await turns()
                if round_ % MAX_FAILURES_IN_A_ROW == 0:
                    rig.engine.answer("fine")
                else:
                    rig.engine.fail(EngineError("once more"))
            await turns()
        assert rig.scheduler.decodes == 2

    run(scenario())


def test_a_dead_engine_ends_the_service_and_all_that_is_in_flight() -> None:
    async def scenario() -> None:
        rig = Rig(max_in_flight=2)
        serving = asyncio.create_task(rig.scheduler.run())
        for _ in range(2):
            rig.scheduler.submit(Owner(), FINAL)
        await turns()
        rig.engine.fail(EngineDead("no card"))
        with pytest.RaisesGroup(EngineDead):
            await serving
        assert rig.engine.given_up == 1

    run(scenario())


def test_an_engine_that_never_answers_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.scheduler.submit(Owner(), FINAL)
        with pytest.RaisesGroup(pytest.RaisesExc(EngineDead, match="no answer within 0 s")):
            await rig.scheduler.run()

    monkeypatch.setattr("worker.scheduler.runner.DECODE_LIMIT_S", 0.0)
    run(scenario())


def test_whoever_stops_the_service_gives_up_what_is_in_flight() -> None:
    async def scenario() -> None:
        rig, owner = Rig(), Owner()
        async with rig.serving():
            rig.scheduler.submit(owner, FINAL)
            await turns()
        assert rig.engine.given_up == 1
        assert owner.texts == []

    run(scenario())


def test_lag_is_the_age_of_the_oldest_final_that_waits() -> None:
    async def scenario() -> None:
        rig = Rig()
        assert rig.scheduler.lag_s() == 0.0
        rig.scheduler.submit(Owner(), PARTIAL)
        rig.clock.advance(5)
        assert rig.scheduler.lag_s() == 0.0
        rig.scheduler.submit(Owner(), FINAL)
        rig.clock.advance(2)
        rig.scheduler.submit(Owner(), FINAL)
        assert rig.scheduler.lag_s() == 2.0

    run(scenario())


def test_wait_and_compute_time_are_measured() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.scheduler.submit(Owner(), FINAL)
        rig.clock.advance(0.25)
        async with rig.serving():
            await turns()
            rig.engine.answer("text", busy_s=1.5)
            await turns()
        assert rig.metric("asr_decode_queue_seconds_sum", kind="final") == 0.25
        assert rig.metric("asr_compute_busy_seconds_total", stage="decode") == 1.5

    run(scenario())
