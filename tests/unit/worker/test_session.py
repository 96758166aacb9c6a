from __future__ import annotations

from typing import Final

import pytest

from common.audio import BYTES_PER_SAMPLE, ms_to_samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.events import Committed, EndpointReason, Partial, SessionOptions, Settled, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from common.link import Credit, FrameType
from common.settings import Settings
from tests.support.session_rig import OPTIONS, SessionRig
from tests.support.sound import LOUD, QUIET, sound
from worker.engines.base import Hypothesis
from worker.metrics import OUTCOMES
from worker.pipeline.effects import DecodeKind
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.session import SessionLife, WorkerSession
from worker.session_meter import CREDIT_SAMPLES

SPEECH: Final = sound((LOUD, 1.0))
SENTENCE: Final = sound((LOUD, 1.0), (QUIET, 0.8))
SILENCE: Final = sound((QUIET, 9.0))


def stop(rig: SessionRig, session: WorkerSession) -> None:
    session.mark(Mark.STOP)
    rig.pool.work()


def test_a_sentence_is_announced_shown_locked_and_settled_in_this_order() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    rig.scheduler.answer("ever")
    rig.hear(session, sound((QUIET, 0.5)))
    rig.scheduler.answer("ever tried")
    rig.hear(session, sound((QUIET, 0.3)))
    kinds = [kind for kind in sent.kinds if kind is not FrameType.CREDIT]
    partials = [FrameType.PARTIAL] * len(sent.all(Partial))
    assert kinds == [FrameType.SPEECH, *partials, FrameType.FINAL, FrameType.SETTLED]
    [settled] = sent.all(Settled)
    assert session.pipeline.timeline.start == settled.checkpoint.audio_from
    assert sent.texts == ["ever tried"]


def test_stop_locks_what_was_said_and_ends_the_session() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    stop(rig, session)
    lives = [session.life]
    rig.scheduler.answer("ever")
    assert sent.texts == ["ever"]
    assert not rig.scheduler.served[-1].afresh
    assert sent.frames[-1] == (FrameType.STOPPED, Stopped(seconds_to_samples(1)))
    assert [*lives, session.life] == [SessionLife.LIVE, SessionLife.STOPPED]
    assert rig.metric("asr_sessions_ended_total", outcome="stopped") == 1


def test_every_outcome_is_counted_from_the_start() -> None:
    assert set(OUTCOMES) == {life.value for life in SessionLife if life is not SessionLife.LIVE}
    rig = SessionRig()
    assert [rig.metric("asr_sessions_ended_total", outcome=outcome) for outcome in OUTCOMES] == [0, 0, 0, 0]


def test_stop_with_nothing_said_is_answered_at_once() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    stop(rig, session)
    assert sent.kinds == [FrameType.SETTLED, FrameType.STOPPED]


def test_silence_is_settled_and_nothing_is_decoded() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SILENCE)
    stop(rig, session)
    assert {kind for kind in sent.kinds} == {FrameType.CREDIT, FrameType.SETTLED, FrameType.STOPPED}
    assert [settled.checkpoint.segment for settled in sent.all(Settled)] == [0, 0, 0]
    assert sent.all(Settled)[-1].checkpoint.audio_from == seconds_to_samples(9)
    assert rig.scheduler.served == []


def test_a_speculation_that_waits_becomes_the_final_and_is_decoded_once() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SENTENCE)
    assert rig.scheduler.answer("ever tried").kind is DecodeKind.FINAL
    assert sent.texts == ["ever tried"]
    assert rig.scheduler.take() is None
    assert [(request.is_final, request.afresh) for request in rig.scheduler.served] == [(True, True)]


def test_a_speculation_in_flight_at_the_endpoint_becomes_the_final() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, sound((LOUD, 1.0), (QUIET, 0.5)))
    taken = rig.scheduler.take()
    rig.hear(session, sound((QUIET, 0.3)))
    assert taken is not None and taken[1].kind is DecodeKind.SPECULATIVE
    assert rig.scheduler.served[-1].afresh
    taken[0].decoded(taken[1], Hypothesis("ever tried", 0.0))
    assert sent.texts == ["ever tried"]
    assert rig.scheduler.take() is None


def test_commit_locks_what_was_said_and_the_session_goes_on() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    session.mark(Mark.COMMIT)
    rig.pool.work()
    rig.scheduler.answer("ever")
    assert sent.all(FinalEvent)[0].reason is EndpointReason.COMMIT
    assert sent.all(Committed) == [Committed(seconds_to_samples(1))]
    rig.hear(session, SENTENCE)
    rig.scheduler.answer("tried")
    assert sent.texts == ["ever", "tried"]


def test_the_vad_forgets_at_every_endpoint() -> None:
    rig = SessionRig()
    session, _ = rig.open()
    rig.hear(session, SPEECH)
    assert session.vad_state > 0.5
    session.mark(Mark.COMMIT)
    rig.pool.work()
    assert session.vad_state == rig.pool.fresh_state()


def test_options_of_the_moment_go_with_every_request() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    session.configure(SessionOptions("de", ("vllm",), (("ever", "never"),), OPTIONS.silence_schedule))
    rig.scheduler.answer("ever")
    rig.hear(session, SENTENCE)
    rig.scheduler.answer("ever")
    partial, final = rig.scheduler.served
    assert (partial.is_final, final.is_final) == (False, True)
    assert (final.language, final.hotwords) == ("de", ("vllm",))
    assert sent.texts == ["never"]


def test_credit_comes_back_for_what_the_vad_has_taken() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SILENCE)
    credits = [credit.samples for credit in sent.all(Credit)]
    taken = session.pipeline.cursor
    assert taken - CREDIT_SAMPLES // 8 < sum(credits) <= taken
    assert min(credits) >= CREDIT_SAMPLES // 8


def test_a_cut_is_not_credited_twice() -> None:
    rig = SessionRig(Settings(segment_cap_ms=2_000))
    session, sent = rig.open()
    rig.hear(session, sound((LOUD, 1.5), (QUIET, 0.2), (LOUD, 1.3), (QUIET, 5.0)))
    assert sent.all(SpeechStarted)
    while rig.scheduler.take_and_answer("ever"):
        rig.pool.work()
    assert len(sent.texts) >= 2
    assert sum(credit.samples for credit in sent.all(Credit)) <= session.pipeline.cursor


def test_a_session_taken_up_elsewhere_begins_where_it_was_settled() -> None:
    rig = SessionRig()
    session, sent = rig.open(checkpoint=Checkpoint(8_000, 12_000, 5))
    rig.hear(session, sound((QUIET, 0.25), (LOUD, 1.0), (QUIET, 0.8)))
    rig.scheduler.answer("again")
    [final] = sent.all(FinalEvent)
    assert final.segment == 5 and final.start >= 8_000
    assert sum(credit.samples for credit in sent.all(Credit)) <= session.pipeline.cursor - 12_000


def test_lag_is_the_age_of_the_audio_that_the_vad_has_not_taken() -> None:
    rig = SessionRig()
    session, _ = rig.open()
    assert session.lag_s() == 0.0
    session.audio(bytes(100))
    rig.clock.advance(1)
    assert session.lag_s() == 0.0
    session.audio(bytes(HOP_SAMPLES * BYTES_PER_SAMPLE - 100))
    rig.clock.advance(2)
    assert session.unheard_samples() == HOP_SAMPLES
    assert session.lag_s() == 3.0
    rig.pool.work()
    assert session.lag_s() == 0.0


def test_one_that_has_more_to_hear_than_a_live_client_sends_at_once_is_catching_up() -> None:
    rig = SessionRig()
    session, _ = rig.open()
    seen = []
    for heard_s in (1.5, 0.1):
        session.audio(sound((LOUD, heard_s)))
        seen.append(session.catching_up)
    rig.pool.work()
    assert [*seen, session.catching_up] == [False, True, False]


def test_audio_and_latency_are_measured() -> None:
    rig = SessionRig()
    session, _ = rig.open()
    rig.hear(session, SPEECH)
    rig.clock.advance(5)
    stop(rig, session)
    rig.clock.advance(0.5)
    rig.scheduler.answer("ever")
    assert rig.metric("asr_audio_received_seconds_total") == pytest.approx(1.0)
    assert rig.metric("asr_audio_finalized_seconds_total") == 1.0
    assert rig.metric("asr_final_wait_seconds_sum") == 0.5


@pytest.mark.parametrize(("cap_ms", "longest_ms"), [(None, 6_000), (2_000, 2_000), (9_000, 6_000)])
def test_segments_are_cut_at_the_setting_or_at_what_the_engine_can_do(
    cap_ms: int | None, longest_ms: int
) -> None:
    rig = SessionRig(Settings(segment_cap_ms=cap_ms))
    session, sent = rig.open()
    rig.hear(session, sound((LOUD, 6.5)))
    while rig.scheduler.take_and_answer("ever"):
        rig.pool.work()
    first = sent.all(FinalEvent)[0]
    assert first.reason is EndpointReason.MAX_LENGTH
    assert ms_to_samples(longest_ms) // 2 < first.endpoint - first.start <= ms_to_samples(longest_ms)
