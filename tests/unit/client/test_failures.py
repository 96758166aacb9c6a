from __future__ import annotations

import pytest

from client.failures import (
    StreamError,
    abandoned,
    connection_closed,
    given_up,
    protocol_broken,
    resume_gap,
    server_silent,
    server_vanished,
    session_error,
    stopped_early,
)
from client.view import ErrorEvent, ProtocolBroken


def test_an_error_event_is_told_with_the_code_of_its_close() -> None:
    failure = session_error(ErrorEvent("overloaded", "why", True, 1, retry_after_s=4.5), 1013)
    assert (failure.code, failure.message, failure.retryable) == ("overloaded", "why", True)
    assert (failure.close_code, failure.retry_after_s) == (1013, 4.5)
    assert str(failure) == "overloaded: why; try again in 4.5 s"


@pytest.mark.parametrize(
    ("code", "retryable"), [(1000, False), (1006, True), (1012, True), (1013, True), (4400, False)]
)
def test_a_close_without_an_error_event_is_judged_by_its_code(code: int, retryable: bool) -> None:
    failure = connection_closed(code, "because")
    assert (failure.code, failure.close_code, failure.retryable) == ("connection_closed", code, retryable)
    assert failure.message == f"the connection was closed early (code {code}: because)"


def test_who_gives_up_tells_the_first_cause_and_how_long_was_tried() -> None:
    failure = given_up(StreamError("restarting", "shutting down", True, 1012), 119.6)
    assert str(failure) == "restarting: shutting down; tried to resume for 120 s"
    assert (failure.code, failure.retryable, failure.close_code) == ("restarting", True, 1012)


def test_a_gap_is_told_in_seconds() -> None:
    assert (
        str(resume_gap(16_000, 56_000)) == "resume_gap: 2.5 s of audio that the server needs again are gone"
    )


@pytest.mark.parametrize(
    ("failure", "code", "retryable"),
    [
        (stopped_early(), "stopped_early", False),
        (protocol_broken(ProtocolBroken("message 3 came twice")), "protocol_broken", False),
        (server_silent(30), "server_silent", True),
        (server_vanished(), "server_vanished", True),
        (abandoned(), "abandoned", False),
    ],
)
def test_the_client_has_codes_of_its_own(failure: StreamError, code: str, retryable: bool) -> None:
    assert (failure.code, failure.retryable, failure.close_code) == (code, retryable, None)
    assert str(failure).startswith(f"{code}: ")
