from __future__ import annotations

import json
from typing import Any

import pytest

from client.view import (
    Acked,
    ErrorEvent,
    Message,
    Notice,
    ProtocolBroken,
    Result,
    Resumed,
    Sentence,
    Started,
    Stopped,
    TranscriptView,
    decode_message,
)
from common.errors import TABLE
from common.events import EndpointReason
from common.text import join_texts
from tests.unit.client.scripted_server import sentence

SENTENCES = [sentence(0, "one"), sentence(1, "two")]


def wire_result(**changes: Any) -> str:
    fields = {
        "sentences": SENTENCES,
        "partial": "three",
        "partial_start_ms": 2_000,
        "duration_ms": 2_500,
        "is_final": False,
        "session_id": "s1",
        "worker": "w0",
        "seq": 2,
    }
    return json.dumps(fields | changes)


def result(seq: int, *texts: str, final: bool = False, worker: str = "w0") -> Message:
    sentences = [sentence(number, text) for number, text in enumerate(texts)]
    return decode_message(wire_result(seq=seq, sentences=sentences, is_final=final, worker=worker))


def folded(*messages: Message) -> TranscriptView:
    view = TranscriptView()
    for message in messages:
        view = view.fold(message)
    return view


def test_a_result_is_read_from_the_wire() -> None:
    message = decode_message(wire_result())
    assert isinstance(message, Result)
    assert message.sentences[1] == Sentence(1, "two", 1_000, 1_800, 1_900, EndpointReason.SILENCE)
    assert (message.partial, message.partial_start_ms, message.duration_ms) == ("three", 2_000, 2_500)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"event":"started","session_id":"s","worker":"w","seq":1}', Started("s", "w", 1)),
        (
            '{"event":"started","session_id":"s","worker":"w","resume_token":"t","resume_within_s":120,"seq":1}',
            Started("s", "w", 1, "t", 120),
        ),
        (
            '{"event":"resumed","session_id":"s","worker":"w","ack":9,"resume_token":"t","resume_within_s":120,'
            '"seq":1}',
            Resumed("s", "w", 9, "t", 120, 1),
        ),
        ('{"event":"ack","ack":16000,"session_id":"s","worker":"w","seq":2}', Acked(16_000, 2)),
        ('{"event":"stopped","session_id":"s","seq":9}', Stopped(9)),
        ('{"event":"hotwords_set","hotwords":["a"],"seq":1}', Notice("hotwords_set", 1)),
        ('{"event":"not invented yet","seq":4}', Notice("not invented yet", 4)),
        (
            '{"event":"error","code":"odd_frame","message":"m","retryable":false,"seq":3}',
            ErrorEvent("odd_frame", "m", False, 3),
        ),
    ],
)
def test_events_are_read_from_the_wire(text: str, message: Message) -> None:
    assert decode_message(text) == message


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "{}", '{"event":"started","seq":1}', wire_result(seq="2"), "[" * 100_000],
    ids=["empty", "text", "list", "no fields", "no session", "seq is text", "deep"],
)
def test_what_cannot_be_read_breaks_the_protocol(text: str) -> None:
    with pytest.raises(ProtocolBroken, match="cannot be read"):
        decode_message(text)


def test_an_error_ends_the_session_if_the_table_gives_it_a_close_code() -> None:
    for error in TABLE:
        event = ErrorEvent(error.code, "", error.retryable, 1)
        assert event.ends_session == (error.close_code is not None)
    assert not ErrorEvent("not_invented_yet", "", False, 1).ends_session


def test_folding_gathers_session_sentences_and_partial() -> None:
    view = folded(Started("s1", "w0", 1), result(2, "one"), result(3, "one", "two"))
    assert (view.session_id, view.worker, view.transcript) == ("s1", "w0", "one two")
    assert (view.partial, view.partial_start_ms, view.duration_ms, view.seq) == ("three", 2_000, 2_500, 3)


def test_the_view_before_stays_as_it_was() -> None:
    before = folded(Started("s1", "w0", 1))
    after = before.fold(result(2, "one"))
    assert (before.transcript, after.transcript) == ("", "one")


def test_a_result_names_the_worker_that_took_over() -> None:
    assert folded(Started("s1", "w0", 1), result(2, "one", worker="w1")).worker == "w1"


def test_events_between_results_change_nothing_but_seq() -> None:
    before = folded(Started("s1", "w0", 1), result(2, "one"))
    after = before.fold(Notice("hotwords_set", 3)).fold(ErrorEvent("odd_frame", "m", False, 4))
    assert after.sentences == before.sentences
    assert after.partial == before.partial
    assert after.seq == 4


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_a_gap_or_a_repeat_in_seq_breaks_the_protocol(seq: int) -> None:
    view = folded(Started("s1", "w0", 1), result(2, "one"))
    with pytest.raises(ProtocolBroken, match="came after message 2"):
        view.fold(result(seq, "one"))


@pytest.mark.parametrize("texts", [(), ("won",), ("won", "two"), ("two", "one")])
def test_a_locked_sentence_that_changes_breaks_the_protocol(texts: tuple[str, ...]) -> None:
    view = folded(result(1, "one"))
    with pytest.raises(ProtocolBroken, match="changed a locked sentence"):
        view.fold(result(2, *texts))


def test_the_session_goes_on_after_the_final_result_of_a_commit() -> None:
    view = folded(result(1, "one", final=True), result(2, "one", "two"))
    assert (view.transcript, view.is_final) == ("one two", False)


def test_stopped_without_a_final_result_breaks_the_protocol() -> None:
    assert folded(result(1, "one", final=True), Stopped(2)).is_final
    with pytest.raises(ProtocolBroken, match="without a final result"):
        folded(result(1, "one"), Stopped(2))


def test_seq_begins_again_after_stopped_and_the_sentences_stay() -> None:
    view = folded(result(1, "one", final=True), Stopped(2), ErrorEvent("restarting", "m", True, 1))
    assert (view.seq, view.transcript) == (1, "one")
    with pytest.raises(ProtocolBroken, match="message 3 came after message 0"):
        folded(result(1, "one", final=True), Stopped(2), ErrorEvent("restarting", "m", True, 3))


def test_a_session_without_audio_stops_without_a_result() -> None:
    assert folded(Started("s1", "w0", 1), Stopped(2)).sentences == ()


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["Hello.", "", "World."], "Hello. World."),
        (["你好。", "世界。"], "你好。世界。"),
        (["我用", "Linux", "工作"], "我用Linux工作"),
        (["안녕하세요", "세계"], "안녕하세요 세계"),
    ],
)
def test_sentences_are_joined_as_their_script_is_written(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined


def resumed(seq: int = 1, session: str = "s1", ack: int = 0) -> Message:
    return Resumed(session, "w1", ack, "t2", 120, seq)


def lost_after(*texts: str) -> TranscriptView:
    """A transcript whose connection was made anew."""
    return folded(Started("s1", "w0", 1), result(2, *texts)).on_new_connection()


def test_a_session_goes_on_over_another_connection() -> None:
    view = lost_after("one").fold(resumed())
    assert (view.worker, view.transcript, view.seq) == ("w1", "one", 1)
    view = view.fold(result(2, "one", "two")).fold(result(3, "one", "two", "three"))
    assert (view.transcript, view.partial) == ("one two three", "three")


def test_another_session_is_not_resumed() -> None:
    with pytest.raises(ProtocolBroken, match="session s2 was resumed, not s1"):
        lost_after("one").fold(resumed(session="s2"))


def test_what_a_resumed_server_lists_must_agree() -> None:
    with pytest.raises(ProtocolBroken, match="changed a locked sentence"):
        lost_after("one", "two").fold(resumed()).fold(result(2, "won"))


def test_a_sentence_that_the_server_lost_stays_and_its_second_saying_is_let_pass() -> None:
    view = lost_after("one", "two").fold(resumed()).fold(result(2, "one"))
    assert (view.transcript, view.partial, view.partial_start_ms) == ("one two", "", 0)
    view = view.fold(result(3, "one", "too"))
    assert (view.transcript, view.partial) == ("one two", "three")
    view = view.fold(result(4, "one", "too", "three"))
    assert view.transcript == "one two three"


def test_a_second_saying_stays_let_pass_over_the_next_loss() -> None:
    view = lost_after("one", "two").fold(resumed()).fold(result(2, "one")).fold(result(3, "one", "too"))
    view = view.on_new_connection().fold(resumed()).fold(result(2, "one", "too", "three"))
    assert view.transcript == "one two three"
    with pytest.raises(ProtocolBroken, match="changed a locked sentence"):
        view.fold(result(3, "one", "too", "tree"))


def test_a_resumed_server_takes_nothing_back_that_it_has_listed() -> None:
    view = lost_after("one", "two").fold(resumed()).fold(result(2, "one")).fold(result(3, "one", "too"))
    with pytest.raises(ProtocolBroken, match="changed a locked sentence"):
        view.fold(result(4, "one"))


def test_positions_do_not_go_back_with_a_server_that_does() -> None:
    view = folded(Started("s1", "w0", 1), decode_message(wire_result(duration_ms=9_000)))
    view = view.on_new_connection().fold(resumed()).fold(decode_message(wire_result(duration_ms=4_000)))
    assert view.duration_ms == 9_000
