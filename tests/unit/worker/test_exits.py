from __future__ import annotations

import logging
import os

import pytest

from common.process import BOOT_FAILED, CARD_LOST, FAULT
from worker.engines.base import CardLost, EngineDead
from worker.exits import ENGINE_DIED, BootFailed, CardUnusable, told_and_exited
from worker.vad.registry import VadUnusable


class Left(Exception):
    """What `os._exit` does in these tests; the code."""


def leave(code: int) -> None:
    raise Left(code)


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (BootFailed("no folder"), "cannot boot", BOOT_FAILED),
        (VadUnusable("no detector"), "cannot boot", BOOT_FAILED),
        (CardUnusable("no card"), "cannot boot", CARD_LOST),
        (ValueError("a bug"), "worker ended by an error", FAULT),
        (ExceptionGroup("tasks", [ValueError("a bug")]), "worker ended by an error", FAULT),
    ],
)
def test_every_end_has_its_code_and_one_line_that_says_why(
    error: Exception, told: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended, told_and_exited():
        raise error
    assert ended.value.code == code
    assert _said(caplog) == (told, str(error.exceptions[0] if isinstance(error, ExceptionGroup) else error))


@pytest.mark.parametrize(("error", "code"), [(EngineDead, ENGINE_DIED), (CardLost, CARD_LOST)])
def test_a_dead_engine_is_not_waited_for(
    error: type[EngineDead], code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left, match=str(code)), told_and_exited():
        raise ExceptionGroup("tasks", [error("silent for a minute")])
    assert _said(caplog) == ("engine died", "silent for a minute")


def test_a_worker_that_was_told_to_stop_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with told_and_exited():
        pass
    assert not caplog.records


def _said(caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """The one line, and the one reason in it."""
    [record] = caplog.records
    assert record.levelno == logging.CRITICAL and record.exc_info is not None
    errors = record.exc_info[1]
    assert isinstance(errors, BaseExceptionGroup)
    [reason] = errors.exceptions
    return record.getMessage(), str(reason)
