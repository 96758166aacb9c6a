from __future__ import annotations

import pytest

from client.failures import StreamError, connection_closed, server_silent, server_vanished
from client.retry import FIRST_PAUSE_S, LONGEST_PAUSE_S, Retry, is_resumed
from common.errors import TABLE
from tests.support.clock import ManualClock

WINDOW_S = 120.0
LOST = connection_closed(1006, "")
REFUSED = StreamError("handshake_refused", "HTTP 502", retryable=True)


def retry(clock: ManualClock | None = None, drawn: float = 0.0) -> Retry:
    """`drawn`: 0 makes each pause as long as it may be, 1 makes it none."""
    return Retry(clock or ManualClock(), lambda: drawn)


@pytest.mark.parametrize(
    ("code", "resumed"),
    [(1000, False), (1001, True), (1006, True), (1008, False), (1011, True), (1012, True), (1013, True)]
    + [(code, False) for code in (1009, 4401, 4403, 4404, 4408, 4409, 4410, 4429)],
)
def test_a_close_without_an_error_is_resumed_by_its_code(code: int, resumed: bool) -> None:
    assert is_resumed(connection_closed(code, "")) == resumed


def test_of_the_errors_only_those_are_resumed_that_leave_the_session_whole() -> None:
    resumed = {error.code for error in TABLE if is_resumed(StreamError(error.code, "", error.retryable))}
    assert resumed == {"registry_away", "restarting", "session_evicted", "worker_lost"}


def test_a_server_that_has_vanished_is_looked_for_elsewhere_one_that_is_silent_is_not() -> None:
    assert is_resumed(server_vanished())
    assert not is_resumed(server_silent(120))


def test_pauses_double_up_to_the_longest() -> None:
    trying = retry()
    pauses = [trying.lost(LOST, WINDOW_S)] + [trying.refused(REFUSED, WINDOW_S) for _ in range(6)]
    assert pauses == [FIRST_PAUSE_S, 0.5, 1.0, 2.0, 4.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_the_whole_pause_is_drawn() -> None:
    trying = retry(drawn=0.75)
    assert [trying.lost(LOST, WINDOW_S), trying.refused(REFUSED, WINDOW_S)] == [FIRST_PAUSE_S / 4, 0.125]


def test_a_server_that_says_later_is_given_time() -> None:
    trying = retry(drawn=1.0)
    assert trying.lost(connection_closed(1013, ""), WINDOW_S) == 1.0
    assert trying.refused(StreamError("x", "", True, 1013, retry_after_s=7.0), WINDOW_S) == 7.0
    assert trying.refused(StreamError("x", "", True, None, retry_after_s=0.5), WINDOW_S) == 0.5


def test_a_loss_that_is_not_resumed_is_the_error() -> None:
    loss = connection_closed(4408, "idle_timeout")
    with pytest.raises(StreamError) as raised:
        retry().lost(loss, WINDOW_S)
    assert raised.value is loss


@pytest.mark.parametrize(("code", "retryable"), [("bad_resume_token", False), ("engine_failed", True)])
def test_a_refusal_that_would_be_repeated_is_the_error(code: str, retryable: bool) -> None:
    trying, refusal = retry(), StreamError(code, "no", retryable)
    trying.lost(LOST, WINDOW_S)
    with pytest.raises(StreamError) as raised:
        trying.refused(refusal, WINDOW_S)
    assert raised.value is refusal


def test_when_the_window_is_over_the_first_loss_is_the_error() -> None:
    clock = ManualClock()
    trying = retry(clock)
    trying.lost(StreamError("restarting", "shutting down", True, 1012), 60.0)
    clock.advance(59.6)
    with pytest.raises(StreamError, match="restarting: shutting down; tried to resume for 60 s") as raised:
        trying.refused(REFUSED, 60.0)
    assert raised.value.__cause__ is REFUSED


def test_nobody_waits_for_a_time_beyond_the_window() -> None:
    trying = retry()
    trying.lost(LOST, 10.0)
    with pytest.raises(StreamError, match="connection_closed"):
        trying.refused(StreamError("stream_quota", "", True, retry_after_s=11.0), 10.0)


def test_a_session_that_held_begins_anew() -> None:
    clock = ManualClock()
    trying = retry(clock)
    trying.lost(LOST, WINDOW_S)
    trying.refused(REFUSED, WINDOW_S)
    trying.resumed()
    clock.advance(2.1)
    assert trying.lost(LOST, WINDOW_S) == FIRST_PAUSE_S


def test_one_that_is_lost_again_at_once_goes_on_counting() -> None:
    clock = ManualClock()
    trying = retry(clock)
    with pytest.raises(StreamError, match="tried to resume for 2"):
        for _ in range(100):
            clock.advance(trying.lost(LOST, 30.0))
            trying.resumed()
