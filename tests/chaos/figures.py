"""What a run was and what it cost, from its histories. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.history import History
from tests.chaos.script import FRAME_MS
from tests.chaos.trouble import Blow
from tests.support.exposition import Metrics

_ON_ITS_WAY_S = 0.1
"""A worker may be struck while the message that it has a session is on its way."""

Table = list[tuple[str, str]]
"""Name and value of each figure."""


@dataclass(frozen=True, slots=True)
class Move:
    """One session's way from a worker that was struck to another. `seconds`: from the blow to `moved` at the
    client; `waited`: there was no other worker at first."""

    session: int
    seconds: float
    waited: bool


def moves(history: History, blows: Sequence[Blow]) -> Iterator[Move]:
    worker, taken_at, waited = None, -math.inf, False
    for received in history.received:
        message = received.message
        waited = waited or message.event == "degraded"
        if message.event == "moved":
            # The first one since: while a session waits, its former worker may come back and be struck again.
            since = taken_at - _ON_ITS_WAY_S
            struck = [blow.at for blow in blows if blow.worker == worker and since < blow.at < received.at]
            if struck:
                yield Move(history.script.number, received.at - min(struck), waited)
        if message.event in ("started", "resumed", "moved"):
            taken_at, waited = received.at, False
        worker = message.worker


@dataclass(frozen=True, slots=True)
class Delay:
    """`sent_at`: of the newest audio that a text needed, monotonic seconds; `seconds`: until it was heard."""

    sent_at: float
    seconds: float


def finals(history: History) -> Iterator[Delay]:
    """Of each sentence, from the audio at its endpoint."""
    known = 0
    for received in history.received:
        for sentence in received.message.sentences[known:]:
            yield _delay(history, sentence.endpoint, received.at)
        known = max(known, len(received.message.sentences))


def interims(history: History) -> Iterator[Delay]:
    """Of each partial that has heard more than those before."""
    heard_ms = 0
    for received in history.received:
        if received.message.partial and received.message.duration_ms > heard_ms:
            heard_ms = received.message.duration_ms
            yield _delay(history, heard_ms, received.at)


def _delay(history: History, end_ms: int, heard_at: float) -> Delay:
    sent_at = history.sent_at[max(0, end_ms - 1) // FRAME_MS]
    return Delay(sent_at, heard_at - sent_at)


def behind(history: History) -> float:
    """Seconds by which the client's frames were late at the worst."""
    sent_at = history.sent_at
    return max((at - sent_at[0] - number * FRAME_MS / 1000 for number, at in enumerate(sent_at)), default=0)


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that so many are not above; nan if there is none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


@dataclass(frozen=True, slots=True)
class Run:
    """`metrics`: of the gateway, after the last session."""

    histories: tuple[History, ...]
    blows: tuple[Blow, ...]
    metrics: Metrics

    @property
    def moves(self) -> list[Move]:
        return [move for history in self.histories for move in moves(history, self.blows)]


def rows(run: Run, violations: int) -> Table:
    found, histories = run.moves, run.histories
    minutes = sum(history.heard_ms for history in histories) / 60_000
    late = [delay.seconds for history in histories for delay in finals(history)]
    return [
        ("sessions", f"{len(histories)}, {minutes:.0f} minutes of audio, {len(late)} sentences"),
        ("outcomes", outcomes(histories)),
        ("blows to workers", str(len(run.blows))),
        ("moves", str(sum(len(history.events("moved")) for history in histories))),
        ("of those, none there at first", str(sum(move.waited for move in found))),
        ("audio heard again", f"{run.metrics.total('asr_replayed_audio_seconds_total'):.0f} s"),
        ("loss to accepted, at the gateway", _bucket_quantiles(run.metrics)),
        ("blow to `moved`, a worker there", quantiles([move.seconds for move in found if not move.waited])),
        ("blow to `moved`, none there", quantiles([move.seconds for move in found if move.waited])),
        ("endpoint sent to sentence heard", quantiles(late)),
        ("clients behind real time", quantiles([behind(history) for history in histories])),
        ("violations", str(violations)),
    ]


def outcomes(histories: Iterable[History]) -> str:
    """How many sessions ended in which way; with nothing heard of its end, a session has `no end`."""
    counts = Counter(map(_outcome, histories))
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _outcome(history: History) -> str:
    if history.stopped:
        return "stopped"
    return next((message.code for message in reversed(history.messages) if message.code), "no end")


def quantiles(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return "p50 {:.0f} ms, p95 {:.0f} ms, p99 {:.0f} ms, most {:.0f} ms".format(
        *(1000 * quantile(seconds, share) for share in (0.5, 0.95, 0.99, 1.0))
    )


def _bucket_quantiles(metrics: Metrics) -> str:
    """From loss to acceptance, without the decode of what is heard again; borders of the histogram."""
    buckets = metrics.buckets("asr_session_move_seconds", waited="no")
    count = max((held for _, held in buckets), default=0)
    if not count:
        return "none"
    borders = [
        next(border for border, held in buckets if held >= share * count) for share in (0.5, 0.95, 0.99)
    ]
    return "p50 {:g} ms, p95 {:g} ms, p99 {:g} ms".format(*(1000 * border for border in borders))
