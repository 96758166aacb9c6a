from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.logs import FieldFormatter, JsonFormatter, configure_logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    for handler in handlers:
        root.removeHandler(handler)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


def line(record: dict[str, object]) -> str:
    return FieldFormatter("worker-0").format(logging.makeLogRecord(record))


def test_fields_stand_behind_the_message_in_the_order_given() -> None:
    written = line({"msg": "session failed", "levelname": "ERROR", "session": "call-2", "segment": 7})
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d [\d:,]+ ERROR worker-0: session failed session=call-2 segment=7", written
    )


def test_an_event_without_fields_is_its_message() -> None:
    assert line({"msg": "ready", "levelname": "INFO"}).endswith("INFO worker-0: ready")


def test_the_cause_of_an_error_follows_with_its_traceback() -> None:
    try:
        raise RuntimeError("no model")
    except RuntimeError as error:
        written = line({"msg": "engine died", "exc_info": (RuntimeError, error, error.__traceback__)})
    first, *rest = written.splitlines()
    assert first.endswith("worker-0: engine died")
    assert rest[-1] == "RuntimeError: no model"


def test_logs_go_to_stderr_from_the_chosen_level_on(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("gateway-1", "warning")
    logging.getLogger("gateway.live").info("too small")
    logging.getLogger("gateway.live").warning("worker lost", extra={"worker": "0"})
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and err.endswith("WARNING gateway-1: worker lost worker=0\n")


def test_configuring_again_replaces_the_former_handler(root: logging.Logger) -> None:
    configure_logs("worker-0", "info")
    configure_logs("worker-0", "debug")
    assert len(root.handlers) == 1
    assert root.level == logging.DEBUG


def json_line(record: dict[str, object]) -> dict[str, object]:
    text = JsonFormatter("worker-0").format(logging.makeLogRecord(record))
    assert "\n" not in text
    told: dict[str, object] = json.loads(text)
    return told


def test_as_json_each_event_is_one_object_with_its_fields() -> None:
    told = json_line(
        {
            "msg": "moved to %s",
            "args": ("worker-1",),
            "levelname": "WARNING",
            "name": "gateway.relay",
            "created": 1764469200.1234,
            "process": 77,
            "session": "call-2",
            "segments": (1, 2),
        }
    )
    assert told == {
        "time": "2025-11-30T02:20:00.123+00:00",
        "level": "warning",
        "logger": "gateway.relay",
        "process": "worker-0",
        "pid": 77,
        "message": "moved to worker-1",
        "session": "call-2",
        "segments": [1, 2],
    }


def test_as_json_a_stack_trace_is_a_field() -> None:
    try:
        raise RuntimeError("no model")
    except RuntimeError as error:
        told = json_line({"msg": "engine died", "exc_info": (RuntimeError, error, error.__traceback__)})
    assert str(told["exception"]).startswith("Traceback") and "no model" in str(told["exception"])


def test_as_json_a_field_of_any_type_is_told_and_replaces_nothing() -> None:
    told = json_line({"msg": "made", "levelname": "INFO", "folder": Path("/run/x"), "level": 7})
    assert (told["folder"], told["level"]) == ("/run/x", "info")


def test_form_and_level_are_those_of_the_process(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("worker-1", "warning,worker-1=debug", "json")
    logging.getLogger("worker").debug("heard")
    assert json.loads(capsys.readouterr().err)["message"] == "heard"
    configure_logs("worker-2", "warning,worker-1=debug", "json")
    logging.getLogger("worker").info("heard")
    assert capsys.readouterr().err == ""
