"""Least level that is logged, for all processes and for single ones: `info`, `info,worker-1=debug`. Pure."""

from __future__ import annotations

import re
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
# A kind of process, or one of that kind: worker, worker-1.
_NAME: Final = re.compile(r"[a-z]+(-\d+)?")


def checked_levels(text: str) -> str:
    """The same text. Raises `ValueError` if it cannot be read."""
    _parsed(text)
    return text


def level_of(text: str, process: str) -> str:
    """The one of this process, else that of its kind, else that of all. Raises `ValueError`."""
    overall, named = _parsed(text)
    kind = process.partition("-")[0]
    return named.get(process) or named.get(kind) or overall


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    overall, *rest = text.split(",")
    named = {}
    for part in rest:
        name, _, level = part.partition("=")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{part!r} is not NAME=LEVEL: a process such as worker-1, or a kind: gateway")
        named[name] = level
    for level in (overall, *named.values()):
        if level not in LEVELS:
            raise ValueError(f"{level!r} is no level: {', '.join(LEVELS)}")
    return overall, named
