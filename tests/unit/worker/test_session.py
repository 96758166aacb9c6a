from __future__ import annotations

import logging
from typing import Any, Final

import pytest

from common.audio import BYTES_PER_SAMPLE, ms_to_samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.errors import SessionEvicted
from common.events import Committed, EndpointReason, Partial, SessionOptions, Settled, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from common.link import Credit, FrameType
from common.settings import Settings
from tests.support.session_rig import OPTIONS, SessionRig
from tests.support.sound import LOUD, QUIET, sound
from worker.engines.base import Hypothesis
from worker.pipeline.effects import DecodeKind
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.streaming import Mark
from worker.session import SessionLife, WorkerSession
from worker.session_meter import CREDIT_SAMPLES

SPEECH: Final = sound((LOUD, 1.0))
SENTENCE: Final = sound((LOUD, 1.0), (QUIET, 0.8))
SILENCE: Final = sound((QUIET, 9.0))


def stop(rig: SessionRig, session: WorkerSession) -> None:
    session.mark(Mark.STOP)
    rig.pool.work()


def broken(*arguments: Any) -> Any:
    raise RuntimeError("a bug")


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
    assert sent.frames[-1] == (FrameType.STOPPED, Stopped(seconds_to_samples(1)))
    assert [*lives, session.life] == [SessionLife.LIVE, SessionLife.STOPPED]
    assert rig.metric("asr_sessions_ended_total", outcome="stopped") == 1


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
    assert [request.is_final for request in rig.scheduler.served] == [True]


def test_a_speculation_in_flight_at_the_endpoint_becomes_the_final() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, sound((LOUD, 1.0), (QUIET, 0.5)))
    taken = rig.scheduler.take()
    rig.hear(session, sound((QUIET, 0.3)))
    assert taken is not None and taken[1].kind is DecodeKind.SPECULATIVE
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


def test_a_failed_partial_is_replaced_by_the_next_one() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    taken = rig.scheduler.take()
    assert taken is not None and taken[1].kind is DecodeKind.PARTIAL
    taken[0].decode_failed(taken[1])
    rig.hear(session, SPEECH)
    rig.scheduler.answer("ever")
    assert [partial.text for partial in sent.all(Partial)] == ["ever"]
    assert session.life is SessionLife.LIVE


def test_a_failed_final_ends_the_session_and_says_so() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SENTENCE)
    taken = rig.scheduler.take()
    assert taken is not None
    taken[0].decode_failed(taken[1])
    assert sent.failure == "engine_failed"
    assert session.life is SessionLife.FAILED


@pytest.mark.parametrize("method", ["push_hop", "next_hop", "carry_out_marks", "apply"])
def test_a_bug_in_one_session_ends_it_and_no_other(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = SessionRig()
    (unlucky, lost), (other, sent) = rig.open("unlucky"), rig.open("other")
    monkeypatch.setattr(unlucky.pipeline, method, broken)
    with caplog.at_level(logging.ERROR):
        for session in (unlucky, other):
            rig.hear(session, SENTENCE)
        while rig.scheduler.take_and_answer("ever"):
            rig.pool.work()
    assert lost.failure == "internal" and unlucky.life is SessionLife.FAILED
    assert (sent.texts, sent.failure, other.life) == (["ever"], None, SessionLife.LIVE)
    assert [vars(record)["session"] for record in caplog.records] == ["unlucky"]


def test_audio_that_is_gone_when_it_is_decoded_is_a_bug_and_ends_the_session() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SENTENCE)
    session.pipeline.timeline.trim(seconds_to_samples(1))
    assert rig.scheduler.take() is not None
    assert (sent.failure, rig.scheduler.served) == ("internal", [])


def test_a_session_that_has_ended_is_silent_whatever_comes_back() -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, sound((LOUD, 1.0), (QUIET, 0.5)))
    taken = rig.scheduler.take()
    session.fail(SessionEvicted(), SessionLife.EVICTED)
    said = list(sent.frames)
    assert taken is not None
    taken[0].decoded(taken[1], Hypothesis("late", 0.0))
    taken[0].decode_failed(taken[1])
    assert session.request_for(taken[1]) is None
    session.hop_done(session.pipeline.timeline.samples(0, 512), 0.9, 0.9)
    assert session.next_hop() is None
    session.end(SessionLife.DROPPED)
    assert (sent.frames, session.life) == (said, SessionLife.EVICTED)
    assert sent.failure == "session_evicted"


def test_ending_leaves_the_vad_and_the_engine_once() -> None:
    rig = SessionRig()
    session, _ = rig.open()
    rig.hear(session, SPEECH)
    rig.pool.offer(session)
    session.end(SessionLife.DROPPED)
    session.end(SessionLife.FAILED)
    assert not rig.pool.sources and len(rig.scheduler.queue) == 0
    assert rig.metric("asr_sessions_ended_total", outcome="dropped") == 1
    assert rig.metric("asr_sessions_ended_total", outcome="failed") is None


def test_a_bug_between_stop_marks_and_hops_sends_only_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = SessionRig()
    session, sent = rig.open()
    monkeypatch.setattr(session.pipeline, "carry_out_marks", broken)
    for _ in range(3):
        stop(rig, session)
    assert sent.kinds == [FrameType.FAILED]


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
    assert rig.metric("asr_final_latency_seconds_sum") == 0.5


@pytest.mark.parametrize(("cap_ms", "longest_ms"), [(None, 6_000), (2_000, 2_000)])
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
