from __future__ import annotations

import json
from typing import Any

import pytest

from client.failures import StreamError, server_silent
from client.replay import COMMIT, STOP
from client.retry import FIRST_PAUSE_S
from client.session import LINES, TRANSITIONS, Line, StreamState
from client.view import Lost
from tests.unit.client.session_rig import LOST, TICKET, Rig, live


def test_a_session_is_asked_for_with_its_commands_and_then_with_its_token() -> None:
    rig = Rig()
    assert rig.asks() == ["LANGUAGE:en", "START"]
    rig.started(**TICKET)
    rig.session.lost(LOST)
    assert rig.asks() == ["RESUME:t1"]
    rig.resumed()
    rig.session.lost(LOST)
    assert rig.asks() == ["RESUME:t2"]


def test_nothing_is_told_while_the_server_is_asked_and_while_there_is_none() -> None:
    rig = Rig()
    assert rig.says(bytes(2)) == []
    rig.asks()
    rig.started(**TICKET)
    assert rig.says() == [bytes(2)]
    rig.session.lost(LOST)
    assert rig.says(bytes(4)) == []
    rig.asks()
    assert rig.says() == []
    rig.resumed()
    assert rig.says() == [bytes(6)]


def test_a_loss_is_news_and_its_text_is_json() -> None:
    pause_s, news = live().session.lost(LOST)
    assert pause_s == FIRST_PAUSE_S
    assert news is not None and news.message == Lost("connection_closed", LOST.message)
    assert json.loads(news.text) == {
        "event": "lost",
        "code": "connection_closed",
        "message": "the connection was closed early (code 1006)",
    }


def test_a_try_that_fails_is_no_news() -> None:
    rig = live()
    rig.session.lost(LOST)
    _, news = rig.session.lost(StreamError("no_server", "no", retryable=True))
    assert news is None
    rig.asks()
    _, news = rig.session.lost(server_silent(30))
    assert news is None
    assert rig.session.line is Line.AWAY


@pytest.mark.parametrize(
    ("resume", "ticket"), [(False, TICKET), (True, {})], ids=["not wanted", "not offered"]
)
def test_without_a_token_a_loss_is_the_end(resume: bool, ticket: dict[str, Any]) -> None:
    rig = Rig(resume=resume)
    rig.asks()
    rig.started(**ticket)
    rig.says(bytes(200))
    assert rig.session.replay.kept == 0
    with pytest.raises(StreamError, match="connection_closed"):
        rig.session.lost(LOST)


def test_acks_settle_audio_with_results_and_alone() -> None:
    rig = live()
    rig.says(bytes(200))
    rig.result(ack=30)
    assert rig.session.replay.kept == 70
    rig.hears(event="ack", ack=80)
    assert rig.session.replay.kept == 20


def test_only_orders_without_an_answer_are_given_again() -> None:
    rig = live()
    rig.says(bytes(20), COMMIT, bytes(20), COMMIT, bytes(20))
    rig.result("one", final=True, ack=10)
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed(ack=10)
    assert rig.says() == [bytes(20), COMMIT, bytes(20)]


def test_a_commit_that_had_its_answer_has_none_again() -> None:
    """It is told again, so that its sentence is cut as before."""
    rig = live()
    rig.says(bytes(20), COMMIT)
    rig.result("one", final=True)
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed()
    rig.result()
    assert rig.says() == [bytes(20), COMMIT]
    rig.result("one", final=True)
    assert not rig.session.view.is_final
    assert rig.says(COMMIT) == [COMMIT]
    rig.result("one", final=True)
    assert rig.session.view.is_final


def test_a_server_that_needs_forgotten_audio_cannot_be_helped() -> None:
    rig = live()
    rig.says(bytes(2 * 16_000))
    rig.result(ack=16_000)
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed(ack=8_000)
    assert rig.failure == "resume_gap"


def test_a_server_that_settles_what_was_never_said_breaks_the_protocol() -> None:
    rig = live()
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed(ack=1)
    assert rig.failure == "protocol_broken"


def test_resumed_that_nobody_asked_for_breaks_the_protocol() -> None:
    rig = live()
    rig.resumed()
    assert rig.failure == "protocol_broken"


def test_resumed_is_no_answer_to_start() -> None:
    rig = Rig()
    rig.asks()
    rig.resumed()
    assert rig.failure == "protocol_broken"


def test_an_error_that_ends_the_session_is_the_cause_of_the_close() -> None:
    rig = live()
    rig.error("restarting")
    assert rig.session.over
    assert rig.session.hear("not read any more") is None
    cause = rig.session.closed(1006, "")
    assert (cause.code, cause.close_code, cause.retryable) == ("restarting", 1012, True)


def test_an_unknown_error_is_the_cause_of_a_close_that_names_it() -> None:
    rig = live()
    rig.error("of_the_future", retryable=False, retry_after_s=3)
    assert not rig.session.over
    cause = rig.session.closed(4499, "of_the_future")
    assert (cause.code, cause.message, cause.close_code) == ("of_the_future", "why", 4499)
    assert (cause.retryable, cause.retry_after_s) == (False, 3)


def test_an_error_of_before_is_not_the_cause() -> None:
    rig = live()
    rig.error("bad_hotwords", retryable=False)
    assert rig.session.closed(1012, "").code == "connection_closed"
    rig.session.lost(LOST)
    rig.asks()
    assert rig.session.closed(1012, "bad_hotwords").code == "connection_closed"


def test_what_no_server_may_say_breaks_the_protocol() -> None:
    for said in (b"binary", "not json"):
        rig = live()
        assert rig.session.hear(said) is None
        assert rig.failure == "protocol_broken"
    rig = live()
    rig.started()
    assert rig.failure == "protocol_broken"


def test_a_stop_of_the_server_is_explained_by_what_follows() -> None:
    rig = live()
    rig.hears(event="stopped")
    rig.seq = 0
    rig.error("idle_timeout", retryable=False)
    assert rig.session.closed(4408, "idle_timeout").code == "idle_timeout"


def test_the_first_failure_counts() -> None:
    rig = live()
    rig.session.fail(LOST)
    rig.session.fail(server_silent(1))
    assert rig.failure == "connection_closed"


def test_stopped_is_the_answer_only_after_stop_was_told() -> None:
    rig = live()
    rig.session.finish()
    rig.hears(event="stopped")
    assert rig.session.state is StreamState.FINISHING
    assert rig.says() == [STOP]
    rig.seq = 0
    rig.hears(event="stopped")
    assert rig.session.ended and rig.failure is None


def test_the_tables_are_closed() -> None:
    for table in (TRANSITIONS, LINES):
        assert {target for targets in table.values() for target in targets} <= set(table)
    assert set(TRANSITIONS) == set(StreamState)
    assert {state for state, following in TRANSITIONS.items() if not following} == {
        StreamState.STOPPED,
        StreamState.FAILED,
    }
    assert set(LINES) == set(Line)
    assert all(LINES.values())
