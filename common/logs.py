"""Logs are events with fields: one line each, to stderr. No audio and no transcript ever goes into one."""

from __future__ import annotations

import logging
import sys
from typing import Final

_RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`time level process: message key=value ...` with the fields given as `extra`."""

    def __init__(self, process_name: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process_name}: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{key}={value}" for key, value in vars(record).items() if key not in _RESERVED]
        return " ".join([super().formatMessage(record), *fields])


def configure_logs(process_name: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter(process_name))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
