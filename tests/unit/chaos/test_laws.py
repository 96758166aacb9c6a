"""A checker that cannot fail is worth nothing: every law is broken, and just that is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace as changed

from tests.chaos.history import History, Message, Sentence
from tests.chaos.laws import check
from tests.chaos.violations import Law
from tests.unit.chaos.history_rig import (
    OTHER,
    SCRIPT,
    event,
    good,
    heard,
    result,
    saying,
    sentences,
    telling,
    with_messages,
)

Sentences = list[Sentence]
Messages = list[Message]


def broken(history: History) -> set[Law]:
    return {violation.law for violation in check(history)}


def index_of(messages: Messages, name: str) -> int:
    return next(index for index, message in enumerate(messages) if message.event == name)


def test_a_history_as_it_should_be_breaks_no_law() -> None:
    assert check(good()) == []


# --- the transcript ----------------------------------------------------------------------------


def shortened(locked: Sentences) -> Sentences:
    """The last 200 ms of the first turn's speech are not in it."""
    turn = SCRIPT.turns[0]
    locked[0] = changed(locked[0], text=heard(SCRIPT, turn.start_ms - 200, turn.end_ms - 200))
    return locked


def begun_late(locked: Sentences) -> Sentences:
    turn = SCRIPT.turns[0]
    locked[0] = changed(
        locked[0], text=heard(SCRIPT, turn.start_ms + 100, turn.end_ms), start=turn.start_ms + 300
    )
    return locked


def with_a_hole(locked: Sentences) -> Sentences:
    """Between the two sentences of the turn that was cut in two."""
    cut, end = SCRIPT.turns[2].commit_ms, SCRIPT.turns[2].end_ms
    locked[3] = changed(locked[3], text=heard(SCRIPT, cut + 100, end + 300), start=cut + 100)
    return locked


@pytest.mark.parametrize("lost", range(len(sentences(SCRIPT))))
def test_a_sentence_that_is_lost_is_missed(lost: int) -> None:
    assert broken(saying(lambda locked: locked[:lost] + locked[lost + 1 :])) - {Law.ANSWERED} == {Law.WHOLE}


@pytest.mark.parametrize("spoil", [shortened, begun_late, with_a_hole])
def test_a_piece_that_is_lost_is_missed(spoil: Callable[[Sentences], Sentences]) -> None:
    assert broken(saying(spoil)) == {Law.WHOLE}


def test_a_sentence_that_is_said_twice_is_found() -> None:
    assert broken(saying(lambda locked: locked[:2] + locked[1:])) == {Law.ONCE, Law.ORDERED}


def test_a_piece_that_is_said_twice_is_found() -> None:
    def overlapping(locked: Sentences) -> Sentences:
        cut, end = SCRIPT.turns[2].commit_ms, SCRIPT.turns[2].end_ms
        locked[3] = changed(locked[3], text=heard(SCRIPT, cut - 100, end + 300))
        return locked

    assert broken(saying(overlapping)) == {Law.ONCE}


def test_a_turn_that_is_cut_without_an_order_is_found() -> None:
    def cut(locked: Sentences) -> Sentences:
        turn = SCRIPT.turns[0]
        middle = turn.start_ms + 800
        halves = [
            changed(locked[0], text=heard(SCRIPT, turn.start_ms - 200, middle), end=middle, endpoint=middle),
            changed(locked[0], text=heard(SCRIPT, middle, turn.end_ms + 300), start=middle),
        ]
        return halves + locked[1:]

    assert broken(saying(cut)) == {Law.ONCE}


def test_sentences_that_change_places_are_found() -> None:
    assert Law.ORDERED in broken(saying(lambda locked: [locked[1], locked[0], *locked[2:]]))


def test_sentences_that_are_numbered_wrongly_are_found() -> None:
    def renumbered(messages: Messages) -> Messages:
        locked = tuple(changed(sentence, id=sentence.id + 1) for sentence in messages[-2].sentences)
        return [message if message.event else changed(message, sentences=locked) for message in messages]

    assert broken(with_messages(good(), renumbered)) == {Law.ORDERED}


def test_text_of_another_session_is_found() -> None:
    def foreign(locked: Sentences) -> Sentences:
        locked[1] = sentences(OTHER)[1]
        return locked

    # What should stand there is missing, too.
    assert broken(saying(foreign)) == {Law.OWN, Law.WHOLE}


def test_text_that_nobody_said_is_found() -> None:
    def invented(locked: Sentences) -> Sentences:
        locked[1] = changed(locked[1], text="heard something")
        return locked

    assert broken(saying(invented)) == {Law.OWN, Law.WHOLE}


@pytest.mark.parametrize("text", [heard(OTHER, 300, 780), "heard something", "heard 480 ms 00000000"])
def test_a_partial_of_another_session_is_found(text: str) -> None:
    def foreign(messages: Messages) -> Messages:
        messages[1] = changed(messages[1], partial=text)
        return messages

    assert broken(telling(foreign)) == {Law.OWN}


def test_a_partial_of_two_segments_is_of_its_session() -> None:
    first, second = SCRIPT.turns[:2]
    both = f"{heard(SCRIPT, 100, first.end_ms + 300)} {heard(SCRIPT, second.start_ms - 200, second.end_ms)}"

    def joined(messages: Messages) -> Messages:
        messages[1] = changed(messages[1], partial=both, partial_start_ms=first.start_ms)
        return messages

    assert check(telling(joined)) == []


# --- the messages ------------------------------------------------------------------------------


def test_locked_text_that_changes_is_found() -> None:
    def another(messages: Messages) -> Messages:
        """Only in between: the end is as it should be."""
        spoilt = (changed(messages[2].sentences[0], text="heard 1 ms 00000000"),)
        messages[2] = changed(messages[2], sentences=spoilt)
        return messages

    assert broken(telling(another)) == {Law.LOCKED}


def test_locked_text_that_goes_is_found() -> None:
    def forgetful(messages: Messages) -> Messages:
        messages[-3] = changed(messages[-3], sentences=messages[-3].sentences[:2])
        return messages

    assert broken(telling(forgetful)) == {Law.LOCKED}


def test_positions_that_go_back_are_found() -> None:
    def back(messages: Messages) -> Messages:
        messages[-3] = changed(messages[-3], duration_ms=100)
        return messages

    assert broken(telling(back)) == {Law.ORDERED}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda messages: [*messages[:4], *messages[5:]], id="a message is lost"),
        pytest.param(lambda messages: [*messages[:5], *messages[4:]], id="a message comes twice"),
        pytest.param(
            lambda messages: [*messages[:5], changed(messages[5], worker="2"), *messages[6:]],
            id="from a worker that has lost the session",
        ),
        pytest.param(
            lambda messages: [*messages[:5], changed(messages[5], session_id="fedcba"), *messages[6:]],
            id="for another session",
        ),
    ],
)
def test_messages_out_of_place_are_found(spoil: Callable[[Messages], Messages]) -> None:
    assert broken(with_messages(good(), spoil)) == {Law.NUMBERED}


def test_messages_come_from_the_worker_that_moved_names() -> None:
    def moved(messages: Messages) -> Messages:
        at = index_of(messages, "moved")
        return messages[:at] + [changed(message, worker="2") for message in messages[at:]]

    assert check(telling(moved)) == []


# --- answers and ends --------------------------------------------------------------------------


def test_an_order_without_an_answer_is_found() -> None:
    def unanswered(messages: Messages) -> Messages:
        return [message for message in messages if message is not messages[-2]]

    assert broken(telling(unanswered)) == {Law.ANSWERED}


def test_an_answer_that_comes_twice_is_found() -> None:
    assert broken(telling(lambda messages: [*messages[:-1], *messages[-2:]])) == {Law.ANSWERED}


LOST = event("error", code="worker_lost")


@pytest.mark.parametrize(
    ("spoil", "close_code"),
    [
        pytest.param(lambda messages: messages[:-1], None, id="no outcome"),
        pytest.param(lambda messages: messages[:-1], 1006, id="the connection breaks"),
        pytest.param(lambda messages: [*messages, messages[-1]], None, id="stopped twice"),
        pytest.param(lambda messages: [*messages, LOST], 1012, id="an error behind stopped"),
        pytest.param(lambda messages: [*messages, event("moved")], None, id="a message behind the end"),
        pytest.param(lambda messages: messages, 1011, id="stopped and then closed"),
        pytest.param(lambda messages: [*messages[:-2], LOST], 1011, id="another close code than the error's"),
        pytest.param(lambda messages: [*messages[:-2], LOST], None, id="an error that closes, and no close"),
        pytest.param(
            lambda messages: [*messages[:-2], event("error", code="bad_day")], 1011, id="an error of no table"
        ),
    ],
)
def test_an_end_that_is_not_documented_is_found(
    spoil: Callable[[Messages], Messages], close_code: int | None
) -> None:
    assert broken(telling(spoil, close_code)) == {Law.ENDED}


def test_a_session_may_end_with_a_documented_error() -> None:
    """What was locked until then is held against the audio as ever."""
    assert check(telling(lambda messages: [*messages[:5], LOST], 1012)) == []

    def with_a_gap(locked: Sentences) -> Sentences:
        return [locked[0], *locked[2:]]

    told = saying(with_a_gap).messages
    assert broken(telling(lambda _: [*told[:-2], LOST], 1012)) == {Law.WHOLE}


def test_an_error_that_leaves_the_session_is_no_outcome() -> None:
    odd = event("error", code="odd_frame")
    assert check(telling(lambda messages: [*messages[:5], odd, *messages[5:]])) == []


def test_a_session_without_a_word_ends_as_well() -> None:
    silent = [event("started"), result(()), event("error", code="no_worker")]
    assert check(telling(lambda _: silent, 1013)) == []


def test_a_violation_says_which_session_and_what() -> None:
    [violation] = check(telling(lambda messages: messages[:-1]))
    assert str(violation) == "session 3, ENDED: 0 outcomes [], close code None"
