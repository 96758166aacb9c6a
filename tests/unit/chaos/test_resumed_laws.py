"""Histories over more than one connection: as they should be, and what must never be in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from tests.chaos.history import LOST, Message
from tests.chaos.laws import check
from tests.chaos.violations import Law
from tests.unit.chaos.history_rig import SCRIPT, event, heard, history_of, messages_of, result, sentences

Messages = list[Message]
LOCKED = sentences(SCRIPT)
CUT = 10
"""So many messages come on the first connection; they tell four sentences."""
AWAY = Message(event=LOST)
KEPT_ACK = LOCKED[2].endpoint * 16


def broken(messages: Messages) -> set[Law]:
    return {violation.law for violation in check(history_of(messages))}


def resumed(kept: int = 4, ack: int = KEPT_ACK, worker: str = "1") -> Messages:
    """The server has kept so many sentences."""
    beginning = event("resumed", ack=ack, worker=worker)
    return [beginning, result(LOCKED[:kept], duration_ms=0, ack=ack, worker=worker)]


def over_two(*between: Message) -> Messages:
    """The session is lost in its middle and goes on."""
    messages = messages_of(SCRIPT, LOCKED)
    return [*messages[:CUT], AWAY, *(between or resumed()), *messages[CUT:]]


def test_a_resumed_history_as_it_should_be_breaks_no_law() -> None:
    assert messages_of(SCRIPT, LOCKED)[CUT - 1].sentences == LOCKED[:4]
    assert check(history_of(over_two())) == []


def test_an_error_behind_which_the_session_goes_on_is_no_outcome() -> None:
    messages = over_two()
    assert check(history_of([*messages[:CUT], event("error", code="restarting"), *messages[CUT:]])) == []


def test_a_resume_that_is_refused_at_first_is_no_outcome_and_of_no_session() -> None:
    refused = event("error", code="registry_away", session_id=None, worker=None)
    history = history_of(over_two(refused, AWAY, *resumed()))
    # The client tells the loss only once; what it hears on the next connection is numbered from 1 on, too.
    received = [*history.received[: CUT + 2], *history.received[CUT + 3 :]]
    assert [each.message.seq for each in received[CUT : CUT + 4]] == [0, 1, 1, 2]
    assert check(replace(history, received=tuple(received))) == []


def test_another_worker_may_go_on() -> None:
    messages = messages_of(SCRIPT, LOCKED)
    moved = [changed(message, worker="2") for message in messages[CUT:]]
    assert check(history_of([*messages[:CUT], AWAY, *resumed(worker="2"), *moved])) == []


def test_a_sentence_that_was_not_kept_may_be_said_again() -> None:
    said_again = result(LOCKED[:4], duration_ms=LOCKED[3].endpoint)
    assert check(history_of(over_two(*resumed(kept=3), said_again))) == []


def test_a_sentence_that_is_said_again_with_another_text_is_found() -> None:
    other = changed(LOCKED[3], text=heard(SCRIPT, LOCKED[3].start, LOCKED[3].end))
    said_again = result((*LOCKED[:3], other), duration_ms=other.endpoint)
    assert Law.LOCKED in broken(over_two(*resumed(kept=3), said_again))


def test_a_server_that_lists_another_sentence_is_found() -> None:
    other = (changed(LOCKED[0], text=LOCKED[1].text), *LOCKED[1:4])
    assert Law.LOCKED in broken(over_two(event("resumed"), result(other, duration_ms=0)))


def test_a_sentence_that_goes_although_nothing_was_lost_is_found() -> None:
    assert broken(over_two(*resumed(kept=3), result(LOCKED[:2], duration_ms=0))) == {Law.LOCKED}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda messages: [*messages[:CUT], *messages[CUT + 1 :]], id="no loss"),
        pytest.param(
            lambda messages: [*messages[: CUT + 1], *messages[CUT + 2 :]], id="results before `resumed`"
        ),
        pytest.param(
            lambda messages: [
                *messages[: CUT + 1],
                *(changed(message, session_id="fedcba") for message in messages[CUT + 1 :]),
            ],
            id="another session goes on",
        ),
    ],
)
def test_connections_that_are_not_of_one_session_are_found(spoil: Callable[[Messages], Messages]) -> None:
    assert Law.NUMBERED in broken(spoil(over_two()))


def test_an_ack_that_goes_back_is_found() -> None:
    messages = over_two(*resumed(ack=KEPT_ACK - 16))
    messages[CUT - 1] = changed(messages[CUT - 1], ack=KEPT_ACK)
    assert broken(messages) == {Law.ORDERED}


def test_a_session_that_is_never_resumed_has_no_outcome() -> None:
    messages = messages_of(SCRIPT, LOCKED)
    assert broken([*messages[:CUT], AWAY]) == {Law.ENDED}


def test_the_client_has_to_come_to_the_same_transcript() -> None:
    history = history_of(over_two())
    texts = tuple(sentence.text for sentence in LOCKED)
    assert check(replace(history, transcript=texts)) == []
    [violation] = check(replace(history, transcript=texts[:-1]))
    assert violation.law is Law.LOCKED


def test_the_error_of_a_client_that_gave_up_is_told() -> None:
    messages = messages_of(SCRIPT, LOCKED)
    history = replace(history_of([*messages[:CUT], AWAY]), failure="connection_closed: gone")
    [violation] = check(history)
    assert str(violation).endswith("connection_closed: gone")
