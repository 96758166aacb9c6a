"""What a history can show that must never happen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Law(Enum):
    NUMBERED = "messages are numbered 1, 2, 3 ... and are of one session and its present worker"
    ORDERED = "sentences and positions come in the order of the audio"
    LOCKED = "locked text neither changes nor goes"
    OWN = "all text is from the session's own audio"
    WHOLE = "every turn is in the transcript from end to end"
    ONCE = "no part of a turn is said twice"
    ANSWERED = "every COMMIT and every STOP has one answer"
    ENDED = "every session ends with exactly one documented outcome"


@dataclass(frozen=True, slots=True)
class Violation:
    """`what`: one sentence for whoever looks for the cause."""

    law: Law
    session: int
    what: str

    def __str__(self) -> str:
        return f"session {self.session}, {self.law.name}: {self.what}"
