"""A word and when it was said, as an engine tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimedWord:
    """Seconds from the begin of the decoded audio, `end_s` exclusive; `score` is a probability."""

    text: str
    start_s: float
    end_s: float
    score: float
