"""What ends a session early, and whom it concerns."""

from __future__ import annotations

import logging
from typing import Any, Final

import pytest

from common.audio import seconds_to_samples
from common.errors import SessionEvicted
from common.events import Partial
from common.link import FrameType
from tests.support.session_rig import SessionRig
from tests.support.sound import LOUD, QUIET, sound
from worker.engines.base import Hypothesis
from worker.pipeline.effects import DecodeKind
from worker.pipeline.orders import Mark
from worker.session import SessionLife, WorkerSession
from worker.vad.hearing import HeardHop

SPEECH: Final = sound((LOUD, 1.0))
SENTENCE: Final = sound((LOUD, 1.0), (QUIET, 0.8))


def stop(rig: SessionRig, session: WorkerSession) -> None:
    session.mark(Mark.STOP)
    rig.pool.work()


def broken(*arguments: Any) -> Any:
    raise RuntimeError("a bug")


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


@pytest.mark.parametrize("method", ["push_hop", "next_hop", "has_hop", "carry_out_orders", "apply"])
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


def test_a_bug_in_what_a_failed_decode_means_ends_its_session_and_not_the_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = SessionRig()
    session, sent = rig.open()
    rig.hear(session, SPEECH)
    taken = rig.scheduler.take()
    assert taken is not None
    monkeypatch.setattr(session.pipeline, "failed", broken)
    taken[0].decode_failed(taken[1])
    assert (sent.failure, session.life) == ("internal", SessionLife.FAILED)


def test_audio_that_the_vad_fails_at_ends_its_session_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    rig = SessionRig()
    session, sent = rig.open("unheard")
    rig.hear(session, SPEECH)
    session.cannot_be_heard(RuntimeError("not this"))
    assert (sent.failure, session.life) == ("engine_failed", SessionLife.FAILED)
    [record] = caplog.records
    assert (record.getMessage(), vars(record)["session"]) == ("hearing failed", "unheard")
    assert record.exc_info is not None and "not this" in str(record.exc_info[1])


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
    assert session.begun(taken[1]) is None
    assert not session.hops_done([HeardHop(session.pipeline.timeline.samples(0, 512), 0.9, 0.9)])
    assert session.next_hops(16) == []
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
    assert rig.metric("asr_sessions_ended_total", outcome="failed") == 0


def test_a_bug_between_stop_marks_and_hops_sends_only_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = SessionRig()
    session, sent = rig.open()
    monkeypatch.setattr(session.pipeline, "carry_out_orders", broken)
    for _ in range(3):
        stop(rig, session)
    assert sent.kinds == [FrameType.FAILED]
