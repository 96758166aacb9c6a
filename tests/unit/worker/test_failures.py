from __future__ import annotations

from worker.failures import MAX_FAILURES_IN_A_ROW, FailuresInARow


def test_failures_of_several_sessions_in_a_row_are_the_models() -> None:
    failures = FailuresInARow()
    counts = [failures.failed(session) for session in ("one", "other", "one")]
    assert counts == [1, 2, MAX_FAILURES_IN_A_ROW]
    assert failures.are_the_models


def test_failures_of_one_session_are_its_own_however_many() -> None:
    failures = FailuresInARow()
    for _ in range(2 * MAX_FAILURES_IN_A_ROW):
        failures.failed("one")
    assert not failures.are_the_models


def test_a_success_begins_the_row_anew() -> None:
    failures = FailuresInARow()
    for session in ("one", "other"):
        failures.failed(session)
    failures.succeeded()
    assert failures.failed("third") == 1
    assert not failures.are_the_models
