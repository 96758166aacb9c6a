"""What losses of gateways were and cost, from the histories of clients that resume. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from common.audio import samples_to_ms
from tests.chaos.figures import Run, Table, behind, finals, quantiles
from tests.chaos.history import LOST, History
from tests.chaos.script import FRAME_MS

AT_REST_MS: Final = 400
"""So much speech may be on its way, or not known for speech yet, when a gateway finds a session at rest."""


@dataclass(frozen=True, slots=True)
class Resume:
    """`seconds`: from the loss to `resumed`, at the client. `again_ms`: how much audio was said again,
    `speech_ms`: how much of that was speech."""

    session: int
    seconds: float
    again_ms: int
    speech_ms: int

    @property
    def at_rest(self) -> bool:
        return self.speech_ms <= AT_REST_MS


def resumes(history: History) -> Iterator[Resume]:
    lost_at = 0.0
    for received in history.received:
        message = received.message
        if message.event == LOST:
            lost_at = received.at
        if message.event == "resumed":
            ack_ms = samples_to_ms(message.ack or 0)
            said_ms = max(ack_ms, bisect.bisect(history.sent_at, lost_at) * FRAME_MS)
            yield Resume(
                history.script.number,
                received.at - lost_at,
                said_ms - ack_ms,
                _speech_ms(history, ack_ms, said_ms),
            )


def _speech_ms(history: History, start_ms: int, end_ms: int) -> int:
    overlaps = (min(turn.end_ms, end_ms) - max(turn.start_ms, start_ms) for turn in history.script.turns)
    return sum(max(0, overlap) for overlap in overlaps)


def all_resumes(run: Run) -> list[Resume]:
    return [resume for history in run.histories for resume in resumes(history)]


def resume_rows(run: Run, violations: int) -> Table:
    found, histories = all_resumes(run), run.histories
    minutes = sum(history.heard_ms for history in histories) / 60_000
    late = [delay.seconds for history in histories for delay in finals(history)]
    return [
        ("sessions", f"{len(histories)}, {minutes:.0f} minutes of audio, {len(late)} sentences"),
        ("failed", str(sum(not history.stopped for history in histories))),
        ("resumes", f"{len(found)}, of {len({resume.session for resume in found})} sessions"),
        ("loss to `resumed`", quantiles([resume.seconds for resume in found])),
        ("audio said again", _seconds([resume.again_ms for resume in found])),
        ("resumed with nothing half said", f"{sum(resume.at_rest for resume in found)}"),
        ("endpoint sent to sentence heard", quantiles(late)),
        ("clients behind real time", quantiles([behind(history) for history in histories])),
        ("violations", str(violations)),
    ]


def _seconds(milliseconds: Sequence[int]) -> str:
    if not milliseconds:
        return "none"
    return f"{sum(milliseconds) / 1000:.0f} s, at most {max(milliseconds) / 1000:.1f} s"
