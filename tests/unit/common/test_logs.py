from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from common.logs import FieldFormatter, configure_logs


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
