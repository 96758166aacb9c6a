"""Logs are events with fields: one line each, to stderr. No audio and no transcript ever goes into one."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from common.log_levels import level_of

TEXT: Final = "text"
JSON: Final = "json"

_RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`time level process: message key=value ...` with the fields given as `extra`."""

    def __init__(self, process_name: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process_name}: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{key}={value}" for key, value in _fields(record).items()]
        return " ".join([super().formatMessage(record), *fields])


class JsonFormatter(logging.Formatter):
    """The same as one JSON object a line, a stack trace included."""

    def __init__(self, process_name: str) -> None:
        super().__init__()
        self._process_name = process_name

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process_name,
            "pid": record.process or os.getpid(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        # What every line has cannot be a field of one of them.
        return msgspec.json.encode({**_fields(record), **told}, enc_hook=str).decode()


def configure_logs(process_name: str, levels: str, form: str = TEXT) -> None:
    """`levels` as `common.log_levels` reads them. Again and again, if need be: the last call counts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process_name) if form == JSON else FieldFormatter(process_name))
    logging.basicConfig(level=level_of(levels, process_name).upper(), handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _RESERVED}
