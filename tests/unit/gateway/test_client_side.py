from __future__ import annotations

import pytest

from common.errors import SlowReader
from common.events import Committed, EndpointReason, Failed, Final, ResumeGrant, SessionOptions, Started
from gateway.client_side import MAX_CLOSING_BYTES, ClientSide
from gateway.dialects.start_stop import StartStopDialect
from gateway.metrics import GatewayMetrics
from gateway.outbox import MAX_EVENTS

SENTENCES = 400
ENDED = Failed("slow_reader", "read while you send")


class FakeConnection:
    """Nobody reads from it; what was sent is in `sent`."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed_with = 0
        self.unanswered_pings = 0
        self.writable = True

    @property
    def buffered_bytes(self) -> int:
        return sum(map(len, self.sent))

    def send_text(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str = "") -> None:
        self.closed_with = code

    def abort(self) -> None:
        raise AssertionError("it was to be closed")

    def pause_reading(self) -> None:
        raise AssertionError("nobody asked for that")

    def resume_reading(self) -> None:
        raise AssertionError("nobody asked for that")


def after_sentences(count: int) -> tuple[ClientSide, FakeConnection]:
    """A client that has read so many sentences, and from now on reads nothing."""
    connection = FakeConnection()
    client = ClientSide(StartStopDialect(SessionOptions()), GatewayMetrics("0"))
    client.connected(connection)
    client.say(Started("s", "0", ResumeGrant("token", 120)))
    for segment in range(count):
        client.say(Final(segment, "Ever tried. Ever failed. No matter.", 0, 100, 200, EndpointReason.SILENCE))
    connection.sent.clear()
    connection.writable = False
    return client, connection


@pytest.mark.parametrize(("unanswered", "answers"), [(0, True), (1, True), (2, False)])
def test_one_ping_without_an_answer_says_nothing(unanswered: int, answers: bool) -> None:
    client, connection = after_sentences(0)
    connection.unanswered_pings = unanswered
    assert client.answers is answers


def test_a_client_that_is_closed_to_owes_no_answer() -> None:
    client, connection = after_sentences(0)
    connection.unanswered_pings = 2
    client.close(1008, "slow_reader")
    assert client.answers


def test_what_waits_is_sent_before_the_close() -> None:
    client, connection = after_sentences(1)
    client.say(Committed(300))
    client.say(ENDED)
    assert connection.sent == []
    client.close(1008, "slow_reader")
    assert [b'"is_final":true' in connection.sent[0], b'"slow_reader"' in connection.sent[1]] == [True, True]
    assert connection.closed_with == 1008


def test_of_far_too_much_only_the_last_word_is_sent() -> None:
    """Each answer repeats all sentences: as messages these would be more than 10 MB."""
    client, connection = after_sentences(SENTENCES)
    for _ in range(200):
        client.say(Committed(300))
    client.say(ENDED)
    client.close(1008, "slow_reader")
    assert MAX_CLOSING_BYTES < connection.buffered_bytes < 1.1 * MAX_CLOSING_BYTES
    assert b'"slow_reader"' in connection.sent[-1]
    assert connection.closed_with == 1008


def test_a_client_that_leaves_too_much_unread_is_told_so_before_the_close() -> None:
    client, connection = after_sentences(1)
    with pytest.raises(SlowReader):
        while True:
            client.say(Committed(300))
    client.close(1008, "slow_reader")
    assert [b'"slow_reader"' in message for message in connection.sent] == [False] * MAX_EVENTS + [True]


def test_nothing_is_said_behind_the_close() -> None:
    client, connection = after_sentences(1)
    client.close(1008, "slow_reader")
    connection.writable = True
    client.say(Committed(300))
    client.flush()
    assert connection.sent == []
