from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.chaos.figures import Run
from tests.chaos.history import LOST, History, Message
from tests.chaos.resumes import all_resumes, resume_rows, resumes
from tests.support.exposition import Metrics
from tests.unit.chaos.history_rig import SCRIPT, event, good, history_of, result, sentences

LOCKED = sentences(SCRIPT)
FIRST, SECOND = SCRIPT.turns[:2]


def lost_at(ms: int, ack_ms: int) -> History:
    """The last result before the loss tells of all audio until `ms`; it takes no time to resume."""
    messages = [event("started"), result((), duration_ms=ms), Message(event=LOST)]
    return history_of([*messages, event("resumed", ack=16 * ack_ms), event("stopped")])


def test_a_resume_counts_from_the_loss_and_tells_what_is_said_again() -> None:
    [resume] = resumes(lost_at(ms=FIRST.start_ms + 500, ack_ms=100))
    assert (resume.session, resume.seconds) == (SCRIPT.number, 0.0)
    assert resume.again_ms == pytest.approx(FIRST.start_ms + 400, abs=100)
    assert resume.speech_ms == resume.again_ms - (FIRST.start_ms - 100)
    assert not resume.at_rest


def test_a_session_in_a_pause_is_at_rest() -> None:
    [resume] = resumes(lost_at(ms=SECOND.start_ms - 100, ack_ms=FIRST.end_ms + 100))
    assert (resume.speech_ms, resume.at_rest) == (0, True)


def test_speech_that_has_only_begun_leaves_a_session_at_rest() -> None:
    [resume] = resumes(lost_at(ms=SECOND.start_ms + 300, ack_ms=FIRST.end_ms + 100))
    assert 0 < resume.speech_ms <= 400
    assert resume.at_rest


def test_nothing_is_said_again_when_all_was_settled() -> None:
    [resume] = resumes(lost_at(ms=FIRST.end_ms, ack_ms=FIRST.end_ms + 400))
    assert resume.again_ms == 0


def test_the_rows_tell_sessions_and_resumes() -> None:
    metrics = Metrics(generate_latest(CollectorRegistry()).decode())
    run = Run((good(), lost_at(ms=FIRST.start_ms + 500, ack_ms=100)), (), metrics)
    assert len(all_resumes(run)) == 1
    rows = dict(resume_rows(run, 5))
    assert rows["resumes"] == "1, of 1 sessions"
    assert rows["violations"] == "5"
    assert rows["failed"] == "0"
    assert rows["resumed with nothing half said"] == "0"
    calm = dict(resume_rows(Run((good(),), (), metrics), 0))
    assert calm["audio said again"] == "none"
