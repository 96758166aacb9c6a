from __future__ import annotations

import pytest

from common import errors
from common.errors import BY_CODE, TABLE, BadSilenceSchedule, NoWorker, OddFrame, VoxshardError

EVERY_ERROR = pytest.mark.parametrize("error", TABLE, ids=lambda error: error.code)


def every_error() -> set[type[VoxshardError]]:
    classes = [item for item in vars(errors).values() if isinstance(item, type)]
    return {item for item in classes if issubclass(item, VoxshardError)} - {VoxshardError}


def test_table_lists_every_error_exactly_once() -> None:
    coded = {error for error in every_error() if "code" in vars(error)}
    assert set(TABLE) == coded
    assert len(TABLE) == len(coded)


def test_an_error_without_a_code_of_its_own_looks_to_clients_like_its_base() -> None:
    for error in every_error() - set(TABLE):
        [base] = error.__bases__
        assert base in TABLE
        assert not {"message", "action", "close_code", "http_status", "retryable"} & set(vars(error))


def test_codes_are_unique_and_lead_back_to_their_error() -> None:
    assert len(BY_CODE) == len(TABLE)
    assert all(BY_CODE[error.code] is error for error in TABLE)


@EVERY_ERROR
def test_close_codes_are_in_the_documented_ranges(error: type[VoxshardError]) -> None:
    code = error.close_code
    assert code is None or 1007 <= code <= 1013 or 4400 <= code <= 4499


@EVERY_ERROR
def test_close_codes_in_the_private_range_mirror_the_http_status(error: type[VoxshardError]) -> None:
    if error.close_code is not None and error.close_code >= 4400:
        assert error.close_code - 4000 == error.http_status


@EVERY_ERROR
def test_every_error_says_what_is_wrong_and_what_to_do(error: type[VoxshardError]) -> None:
    assert error.code == error.code.lower().strip()
    assert error.message and error.action
    assert str(error()) == error().text == error.message


@EVERY_ERROR
def test_our_faults_are_5xx_and_retryable_and_the_clients_are_neither(error: type[VoxshardError]) -> None:
    assert error.retryable == (error.http_status >= 500)
    assert 400 <= error.http_status <= 599


def test_detail_stands_behind_the_message() -> None:
    assert BadSilenceSchedule("1 to 16 pairs").text == f"{BadSilenceSchedule.message}: 1 to 16 pairs"


def test_a_mistake_that_the_session_outlives_has_no_close_code() -> None:
    assert OddFrame.close_code is None
    assert NoWorker.close_code == 1013
