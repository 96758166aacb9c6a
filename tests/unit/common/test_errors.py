from __future__ import annotations

import pytest

from common import errors
from common.errors import (
    BY_CODE,
    REFUSALS,
    TABLE,
    BadSilenceSchedule,
    NoWorker,
    OddFrame,
    StreamQuota,
    VoxshardError,
)

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
def test_our_faults_and_quotas_are_retryable_and_other_faults_of_the_client_are_not(
    error: type[VoxshardError],
) -> None:
    assert error.retryable == (error.http_status >= 500 or error.http_status == 429)
    assert 400 <= error.http_status <= 599


def test_an_error_may_say_when_to_try_again() -> None:
    assert StreamQuota().retry_after_s is None
    assert StreamQuota(retry_after_s=5).retry_after_s == 5


def test_refusals_end_what_they_refuse() -> None:
    assert all(error.close_code is not None for error in REFUSALS)


def test_detail_stands_behind_the_message() -> None:
    assert BadSilenceSchedule("1 to 16 pairs").text == f"{BadSilenceSchedule.message}: 1 to 16 pairs"


def test_a_mistake_that_the_session_outlives_has_no_close_code() -> None:
    assert OddFrame.close_code is None
    assert NoWorker.close_code == 1013
