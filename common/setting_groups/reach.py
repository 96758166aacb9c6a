"""How far a new value of a setting reaches while all runs; stands with the setting: `language: Live[str]`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeVar

from pydantic.fields import FieldInfo


class Reach(Enum):
    """LIVE: every process takes it over. ROLLING: those that are started from now on have it. RESTART: it
    counts from the next start of the supervisor, as processes that run beside each other must agree on it."""

    LIVE = "live"
    ROLLING = "rolling"
    RESTART = "restart"


Value = TypeVar("Value")
Live = Annotated[Value, Reach.LIVE]
Rolling = Annotated[Value, Reach.ROLLING]


def reach_of(field: FieldInfo) -> Reach:
    """A setting that nobody has thought about is safe where it is."""
    return next((mark for mark in field.metadata if isinstance(mark, Reach)), Reach.RESTART)
