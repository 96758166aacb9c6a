"""What sessions say, as START/STOP messages."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest

from common.audio import ms_to_samples
from common.errors import TABLE, VoxshardError
from common.events import (
    Acked,
    Committed,
    Configured,
    Degraded,
    EndpointReason,
    Event,
    Failed,
    Partial,
    Resumed,
    ResumeGrant,
    ScheduleStep,
    SessionOptions,
    SpeechStarted,
    Started,
    Stopped,
    Word,
)
from common.events import Final as FinalEvent
from gateway.dialects.start_stop import StartStopDialect

STARTED: Final = Started("call", "1", ResumeGrant("token", 120))
Message = dict[str, Any]


def said(*events: Event) -> list[Message]:
    dialect = StartStopDialect(SessionOptions())
    return [json.loads(message) for event in events for message in dialect.render(event)]


def partial(text: str, segment: int = 0, heard_ms: int = 1_000, start_ms: int = 100) -> Partial:
    return Partial(segment, 1, text, ms_to_samples(start_ms), ms_to_samples(heard_ms))


def final(
    text: str, segment: int = 0, at_ms: int = 2_000, reason: EndpointReason = EndpointReason.SILENCE
) -> FinalEvent:
    start, end = ms_to_samples(at_ms - 1_500), ms_to_samples(at_ms - 600)
    return FinalEvent(segment, text, start, end, ms_to_samples(at_ms), reason)


def sentence(number: int, text: str, at_ms: int = 2_000, reason: str = "silence") -> Message:
    return {
        "id": number,
        "text": text,
        "start": at_ms - 1_500,
        "end": at_ms - 600,
        "endpoint": at_ms,
        "reason": reason,
    }


def test_started_names_the_session_and_its_worker() -> None:
    assert said(STARTED) == [
        {
            "event": "started",
            "resume_token": "token",
            "resume_within_s": 120,
            "session_id": "call",
            "worker": "1",
            "seq": 1,
        }
    ]


def test_a_partial_is_a_result_with_the_time_that_it_heard() -> None:
    assert said(STARTED, partial("ever"))[1] == {
        "sentences": [],
        "partial": "ever",
        "partial_start_ms": 100,
        "duration_ms": 1_000,
        "is_final": False,
        "ack": 0,
        "session_id": "call",
        "worker": "1",
        "seq": 2,
    }


def test_every_result_repeats_all_locked_sentences() -> None:
    results = said(STARTED, final("one"), final("two", 1, 4_000), partial("three", 2))[1:]
    one, two = sentence(0, "one"), sentence(1, "two", 4_000)
    assert [result["sentences"] for result in results] == [[one], [one, two], [one, two]]


def test_words_stand_in_their_sentence_with_times_from_start() -> None:
    timed = msgspec.structs.replace(
        final("ever tried"), words=(Word("ever", 8_000, 12_800), Word("tried", 12_816, 16_015))
    )
    words = [{"text": "ever", "start": 500, "end": 800}, {"text": "tried", "start": 801, "end": 1_000}]
    first, again = said(STARTED, timed, final("ever failed", 1, 4_000))[1:]
    assert first["sentences"] == [sentence(0, "ever tried") | {"words": words}]
    assert again["sentences"] == [*first["sentences"], sentence(1, "ever failed", 4_000)]


@pytest.mark.parametrize("reason", EndpointReason)
def test_a_sentence_says_why_it_ended(reason: EndpointReason) -> None:
    assert said(STARTED, final("one", reason=reason))[1]["sentences"][0]["reason"] == str(reason)


def test_a_final_takes_the_partial_of_its_segment_away() -> None:
    result = said(STARTED, partial("one"), final("one"))[-1]
    assert (result["partial"], result["partial_start_ms"]) == ("", 0)


def test_partials_of_two_segments_stand_together_until_the_first_is_locked() -> None:
    later = partial("two", 1, heard_ms=2_500, start_ms=2_100)
    messages = said(STARTED, partial("one"), later, final("one"))
    assert [message.get("partial") for message in messages] == [None, "one", "one two", "two"]
    assert [message.get("partial_start_ms") for message in messages] == [None, 100, 100, 2_100]


def test_after_a_cut_no_words_are_shown_twice() -> None:
    whole, rest = partial("one two", heard_ms=2_000), partial("two", 1, heard_ms=2_000, start_ms=1_500)
    goes_on = partial("two three", 1, heard_ms=2_500, start_ms=1_500)
    messages = said(STARTED, whole, rest, final("one"), goes_on)
    assert [message.get("partial") for message in messages] == [
        None,
        "one two",
        "one two",
        "two",
        "two three",
    ]


def test_an_empty_partial_is_a_result_without_text() -> None:
    result = said(STARTED, partial(""))[1]
    assert (result["partial"], result["partial_start_ms"], result["duration_ms"]) == ("", 0, 1_000)


def test_a_segment_without_text_is_no_sentence_and_says_nothing() -> None:
    assert len(said(STARTED, final(""))) == 1
    assert len(said(STARTED, partial(""), final(""))) == 2


def test_a_segment_without_text_takes_the_partial_that_was_shown_away() -> None:
    results = said(STARTED, partial("uh"), final(""), final("one", 1))
    assert [result.get("partial") for result in results[1:]] == ["uh", "", ""]
    assert results[-1]["sentences"][0]["id"] == 0


def test_speech_that_begins_is_not_said() -> None:
    assert said(STARTED, SpeechStarted(0, 100)) == said(STARTED)


def test_the_duration_never_goes_back() -> None:
    results = said(STARTED, partial("two", 1, heard_ms=2_500), final("one"), partial("x", 2, heard_ms=3_000))
    assert [result["duration_ms"] for result in results[1:]] == [2_500, 2_500, 3_000]


def test_commit_is_answered_by_a_final_result_without_partial() -> None:
    result = said(STARTED, final("one"), partial("x", 1), Committed(ms_to_samples(2_600)))[-1]
    assert (result["is_final"], result["partial"], result["duration_ms"]) == (True, "", 2_600)
    assert result["sentences"] == [sentence(0, "one")]


def test_stop_is_answered_by_one_final_result_and_the_end() -> None:
    [result, stopped] = said(STARTED, final("one"), Stopped(ms_to_samples(2_600)))[2:]
    assert (result["is_final"], result["sentences"]) == (True, [sentence(0, "one")])
    assert stopped == {"event": "stopped", "session_id": "call", "worker": "1", "seq": 4}


def test_a_session_that_got_no_audio_has_no_result() -> None:
    assert [message.get("event") for message in said(STARTED, Stopped(0))] == ["started", "stopped"]


def test_messages_count_without_a_gap_and_each_session_from_one() -> None:
    one: list[Event] = [STARTED, partial("a"), final("a"), SpeechStarted(1, 9), Stopped(ms_to_samples(3_000))]
    messages = said(*one, *one, *one)
    assert [message["seq"] for message in messages] == [1, 2, 3, 4, 5] * 3


def test_a_new_session_knows_nothing_of_the_last_one() -> None:
    ended: list[Event] = [STARTED, final("one"), partial("x", 1), Stopped(ms_to_samples(3_000))]
    started, result = said(*ended, Started("call-2", "0", STARTED.grant), partial("new", heard_ms=500))[-2:]
    assert (started["event"], started["session_id"], started["worker"]) == ("started", "call-2", "0")
    assert (started["seq"], result["ack"]) == (1, 0)
    assert (result["sentences"], result["partial"], result["duration_ms"]) == ([], "new", 500)


def test_between_sessions_messages_name_none() -> None:
    [reply] = said(STARTED, Stopped(0), Configured(SessionOptions("en"), "language_set"))[2:]
    assert reply == {"event": "language_set", "language": "en", "seq": 1}


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ("hotwords_set", {"hotwords": ["vllm"]}),
        ("postprocess_hotwords_set", {"postprocess_hotwords": {"a": "b"}}),
        ("language_set", {"language": "en"}),
        ("timestamps_set", {"timestamps": True}),
        ("silence_schedule_set", {"silence_schedule": [[5_000, 300], [None, 100]]}),
    ],
)
def test_an_option_that_was_set_is_said_back(changed: str, fields: Message) -> None:
    steps = (ScheduleStep(5_000, 300), ScheduleStep(None, 100))
    options = SessionOptions("en", ("vllm",), (("a", "b"),), steps, timestamps=True)
    assert said(Configured(options, changed)) == [{"event": changed, **fields, "seq": 1}]


@pytest.mark.parametrize("error", TABLE, ids=lambda error: error.code)
def test_every_error_is_said_with_its_code_and_whether_to_try_again(error: type[VoxshardError]) -> None:
    assert said(Failed(error.code, "what is wrong")) == [
        {
            "event": "error",
            "code": error.code,
            "message": "what is wrong",
            "retryable": error.retryable,
            "seq": 1,
        }
    ]


def test_what_is_known_of_a_worker_to_come_is_said() -> None:
    assert said(Degraded(120), Degraded(120, 7)) == [
        {"event": "degraded", "keeps_s": 120, "seq": 1},
        {"event": "degraded", "keeps_s": 120, "eta_s": 7, "seq": 2},
    ]


def test_refusal_says_when_to_try_again() -> None:
    [error] = said(Failed("stream_quota", "what is wrong", 5.0))
    assert (error["retryable"], error["retry_after_s"]) == (True, 5.0)


def test_text_of_any_script_is_said_as_it_is() -> None:
    dialect = StartStopDialect(SessionOptions())
    [message] = dialect.render(partial("你好 “café” 🙂"))
    assert '"你好 “café” 🙂"' in message.decode()


def test_a_resumed_session_is_told_with_all_that_was_locked() -> None:
    grant = ResumeGrant("newer", 120)
    finals = (final("one"), final("two", 1, 4_000))
    ack = ms_to_samples(3_500)
    resumed, result, partly = said(Resumed("call", "0", grant, ack, finals), partial("three", 2, 4_500))
    assert resumed == {
        "event": "resumed",
        "ack": ack,
        "resume_token": "newer",
        "resume_within_s": 120,
        "session_id": "call",
        "worker": "0",
        "seq": 1,
    }
    assert result["sentences"] == [sentence(0, "one"), sentence(1, "two", 4_000)]
    assert (result["duration_ms"], result["is_final"], result["ack"]) == (4_000, False, ack)
    assert (partly["sentences"], partly["partial"]) == (result["sentences"], "three")


def test_one_with_nothing_locked_has_heard_what_is_settled() -> None:
    _, result = said(Resumed("call", "0", STARTED.grant, ms_to_samples(700), ()))
    assert (result["sentences"], result["partial"], result["duration_ms"]) == ([], "", 700)


def test_one_that_had_ended_is_told_its_end_once() -> None:
    heard = ms_to_samples(5_000)
    events = (Resumed("call", "0", STARTED.grant, heard, (final("one"),), heard), Stopped(heard))
    resumed, result, stopped = said(*events)
    assert (resumed["event"], resumed["ack"], stopped["event"]) == ("resumed", heard, "stopped")
    assert (result["sentences"], result["is_final"]) == ([sentence(0, "one")], True)


def test_results_tell_from_where_on_audio_is_to_be_kept() -> None:
    results = said(STARTED, partial("a"), Acked(500), partial("b"), Acked(400), partial("c"))[1:]
    assert [result["ack"] for result in results] == [0, 500, 500]


def test_where_no_result_comes_an_event_tells_it() -> None:
    five_s = ms_to_samples(5_000)
    acks = said(STARTED, Acked(five_s - 1), Acked(five_s), Acked(2 * five_s - 1), Acked(2 * five_s))[1:]
    assert [(ack["event"], ack["ack"], ack["seq"]) for ack in acks] == [
        ("ack", five_s, 2),
        ("ack", 2 * five_s, 3),
    ]
